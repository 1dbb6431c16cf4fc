import { WaybillError } from '../errors.ts';
import { ExactNumber } from '../json.ts';
import type { TypeRef } from '../message.ts';
import { didYouMean } from '../nearest.ts';
import { MASKED, type Mask } from './mask.ts';
import { parsePointer } from './pointer.ts';
import { isSchema } from './schema.ts';

/** One place where data breaks its contract. */
export interface Violation {
  /** JSON pointer into the data; empty for all of it. */
  readonly pointer: string;
  /** The keyword of JSON Schema that is broken. */
  readonly keyword: string;
  readonly expected: string;
  /** What came, shortened; `***` where it is sensitive. */
  readonly found: string;
  readonly fix?: string;
}

/** Most faults that the message of one error tells; `violations` has them all. */
const TOLD = 50;

/** Data that breaks its contract: WB_CONTRACT_VIOLATED. */
export class ContractError extends WaybillError {
  readonly ref: TypeRef;
  readonly violations: readonly Violation[];

  constructor(ref: TypeRef, violations: readonly Violation[]) {
    const lines = violations.slice(0, TOLD).map(formatViolation);
    if (violations.length > TOLD) lines.push(`and ${String(violations.length - TOLD)} more`);
    super('WB_CONTRACT_VIOLATED', [`the data breaks ${ref}`, ...lines.map((line) => `  ${line}`)].join('\n'));
    this.ref = ref;
    this.violations = violations;
  }
}

/** `/lines/0/qty minimum: expected at least 1, found 0; <fix>`. */
export function formatViolation(violation: Violation): string {
  const { pointer, keyword, expected, found, fix } = violation;
  return `${pointer === '' ? '(all)' : pointer} ${keyword}: expected ${expected}, found ${found}${fix === undefined ? '' : `; ${fix}`}`;
}

/** The part of Ajv's error object (with `verbose`) that is read here. */
export interface ValidatorFault {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
  readonly schema?: unknown;
  readonly parentSchema?: Readonly<Record<string, unknown>>;
  readonly data?: unknown;
}

export function describeViolation(fault: ValidatorFault, mask: Mask): Violation {
  const { pointer, show } = mask.place(parsePointer(fault.instancePath) ?? []);
  const found =
    ABSENT[fault.keyword] ?? (show === 'nothing' ? MASKED : show === 'kind' ? kindOf(fault.data) : foundText(fault));
  const fix = show === 'nothing' ? undefined : fixOf(fault);
  return {
    pointer,
    keyword: fault.keyword,
    expected: expectedText(fault, show !== 'nothing'),
    found,
    ...(fix === undefined ? {} : { fix }),
  };
}

function expectedText(fault: ValidatorFault, named: boolean): string {
  const { params, schema } = fault;
  const limit = shorten(params['limit']);
  switch (fault.keyword) {
    case 'type':
      return [params['type']]
        .flat()
        .map((type) => ARTICLES[String(type)] ?? String(type))
        .join(' or ');
    case 'required':
      return `the property ${shorten(params['missingProperty'])}`;
    case 'dependentRequired':
      return `the property ${shorten(params['missingProperty'])} beside ${shorten(params['property'])}`;
    case 'additionalProperties':
      return named ? `no property ${shorten(params['additionalProperty'])}` : 'no undeclared property';
    case 'unevaluatedProperties':
      return named ? `no property ${shorten(params['unevaluatedProperty'])}` : 'no undeclared property';
    case 'propertyNames':
      return named ? `another name than ${shorten(params['propertyName'])}` : 'another name';
    case 'enum':
      return `one of ${Array.isArray(schema) ? schema.slice(0, 20).map(shorten).join(', ') : shorten(schema)}`;
    case 'const':
      return shorten(schema);
    case 'minimum':
      return `at least ${limit}`;
    case 'maximum':
      return `at most ${limit}`;
    case 'exclusiveMinimum':
      return `more than ${limit}`;
    case 'exclusiveMaximum':
      return `less than ${limit}`;
    case 'multipleOf':
      return `a multiple of ${shorten(params['multipleOf'])}`;
    case 'minLength':
      return `at least ${amount(params['limit'], 'character')}`;
    case 'maxLength':
      return `at most ${amount(params['limit'], 'character')}`;
    case 'minItems':
      return `at least ${amount(params['limit'], 'item')}`;
    case 'maxItems':
    case 'items':
    case 'unevaluatedItems':
      return `at most ${amount(params['limit'] ?? params['len'], 'item')}`;
    case 'minProperties':
      return `at least ${amount(params['limit'], 'property')}`;
    case 'maxProperties':
      return `at most ${amount(params['limit'], 'property')}`;
    case 'uniqueItems':
      return `different items, but ${shorten(params['j'])} and ${shorten(params['i'])} are equal`;
    case 'pattern':
      return `text that matches ${shorten(params['pattern'])}`;
    case 'format':
      return `the format ${String(params['format'])}`;
    case 'oneOf':
      return 'exactly one of the alternatives';
    case 'anyOf':
      return 'one of the alternatives';
    case 'contains':
      return `at least ${amount(params['minContains'], 'matching item')}`;
    case 'not':
      return 'none of what the contract excludes';
    case 'false schema':
      return 'nothing here';
    default:
      return fault.message ?? fault.keyword;
  }
}

const ARTICLES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  object: 'an object',
  array: 'an array',
  null: 'null',
};

/** What came, where the value at the pointer is not what is wrong. */
const ABSENT: Readonly<Record<string, string>> = {
  required: 'none',
  dependentRequired: 'none',
  additionalProperties: 'it',
  unevaluatedProperties: 'it',
};

function foundText(fault: ValidatorFault): string {
  if (fault.keyword === 'minLength' || fault.keyword === 'maxLength') {
    return typeof fault.data === 'string'
      ? `${String(Array.from(fault.data).length)}: ${shorten(fault.data)}`
      : kindOf(fault.data);
  }
  return typeof fault.data === 'object' && !(fault.data instanceof ExactNumber)
    ? kindOf(fault.data)
    : shorten(fault.data);
}

function fixOf(fault: ValidatorFault): string | undefined {
  const { data, params, parentSchema } = fault;
  const declared = isSchema(parentSchema?.['properties']) ? Object.keys(parentSchema['properties']) : [];
  if (fault.keyword === 'additionalProperties') return didYouMean(String(params['additionalProperty']), declared);
  if (fault.keyword === 'required' && isSchema(data)) {
    const undeclared = Object.keys(data).filter((name) => !declared.includes(name));
    const meant = didYouMean(String(params['missingProperty']), undeclared);
    return meant === undefined ? undefined : `it has ${meant.slice('did you mean '.length, -1)}: is that it?`;
  }
  if (fault.keyword !== 'type') return undefined;
  const types = [params['type']].flat();
  if (types.includes('string')) {
    if (data instanceof Date) return 'call toISOString()';
    if (typeof data === 'number') return 'send it as text, in quotes';
    if (typeof data === 'bigint') return 'send String(value)';
  }
  if (
    typeof data === 'string' &&
    (types.includes('number') || types.includes('integer')) &&
    /^-?\d+(\.\d+)?$/.test(data)
  ) {
    return 'send it as a number, without quotes';
  }
  return undefined;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value))
    return value.length === 1 ? 'an array of 1 item' : `an array of ${String(value.length)} items`;
  if (value instanceof Date) return 'a Date';
  if (typeof value === 'object') return 'an object';
  return ARTICLES[typeof value] ?? typeof value;
}

function amount(number: unknown, noun: string): string {
  if (number === 1) return `1 ${noun}`;
  return `${shorten(number)} ${noun === 'property' ? 'properties' : `${noun}s`}`;
}

/** At most 60 characters of the JSON text. */
function shorten(value: unknown): string {
  const text =
    typeof value === 'string'
      ? JSON.stringify(value)
      : typeof value === 'object' && value !== null
        ? JSON.stringify(value)
        : String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
