import { Type } from 'typebox';
import { formatQuantity, parseQuantity, UNITS, type Unit } from '../config/units.ts';
import type { Path, StepScope } from '../ports/mediator.ts';

export interface AmountOptions {
  readonly description: string;
  /** As people write it: `30s`. */
  readonly least: string;
  readonly most: string;
  readonly default?: string;
}

/** A duration or a size among a step's options. */
export interface Amount {
  readonly schema: ReturnType<typeof amountSchema>;
  /** In milliseconds or bytes; undefined after a fault. What is not written has the default. @throws TypeError when there is none */
  read(written: string | undefined, at: Path, scope: StepScope): number | undefined;
}

export function duration(options: AmountOptions): Amount {
  return amount('duration', options);
}

export function bytes(options: AmountOptions): Amount {
  return amount('size', options);
}

function amount(unit: Unit, options: AmountOptions): Amount {
  const least = parsed(unit, options.least);
  const most = parsed(unit, options.most);
  return {
    schema: amountSchema(unit, { least, most }, options),
    read(written, at, scope) {
      const value = parseQuantity(unit, written ?? options.default ?? '');
      if (value !== undefined && value >= least && value <= most) return value;
      if (written === undefined) throw new TypeError(`${at.join('.')} has no default`);
      const range = `from ${formatQuantity(unit, least)} to ${formatQuantity(unit, most)}`;
      scope.fault(at, {
        code: 'WB_MEDIATOR_OPTION',
        message: `${at.join('.')}: expected a ${unit} ${range}, such as ${UNITS[unit].example}, found ${written}`,
      });
      return undefined;
    },
  };
}

function amountSchema(
  unit: Unit,
  range: { readonly least: number; readonly most: number },
  { description, default: fallback }: AmountOptions,
) {
  return Type.String({
    quantity: { unit, ...range },
    description,
    ...(fallback !== undefined && { default: fallback }),
  });
}

function parsed(unit: Unit, text: string): number {
  const value = parseQuantity(unit, text);
  if (value === undefined) throw new TypeError(`${text} is not a ${unit}`);
  return value;
}
