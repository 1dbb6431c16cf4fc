import { compareSchemas } from '../contracts/compatibility.ts';
import type { Contract } from '../contracts/contracts.ts';
import { WaybillError } from '../errors.ts';
import type { TypeRef } from '../message.ts';
import type { Plan } from '../plan/plan.ts';

/** How a service with files of its own stands to the plan that is applied. */
export interface Standing {
  /** In what they differ, one clause each. */
  readonly differs: readonly string[];
  /** Of these, what will fail. */
  readonly breaks: readonly string[];
  /** Why a message that it publishes cannot go through the applied plan; undefined when it can. */
  refuse(type: TypeRef, data: unknown): WaybillError | undefined;
}

/**
 * Compares what one service publishes and receives, and the contracts of that, by its own plan and by the applied one. What is not
 * shown to be compatible is checked message by message: a publisher hears of it, rather than a dead letter of the router's.
 */
export function standingOf(service: string, own: Plan, applied: Plan): Standing {
  const differs: string[] = [];
  const breaks: string[] = [];
  const strict = new Map<TypeRef, Contract>();
  const gone = new Map<TypeRef, string>();
  const mine = own.service(service);
  const theirs = applied.service(service);
  const say = (text: string, fails: boolean): void => {
    differs.push(text);
    if (fails) breaks.push(text);
  };
  for (const type of mine?.publishes ?? []) {
    if (theirs?.publishes.includes(type) !== true) {
      const why =
        theirs === undefined ? `has no service ${service}` : `does not have that ${service} publishes ${type}`;
      gone.set(type, why);
      say(`publishes ${type}: the applied plan ${why}`, true);
      continue;
    }
    const [from, to] = [own.contracts.get(type), applied.contracts.get(type)];
    if (from === undefined || to === undefined) continue;
    const { verdict, reasons } = compareSchemas(from.schema, to.schema);
    if (verdict === 'compatible') continue;
    strict.set(type, to);
    say(`publishes ${type}: ${wordOf(verdict)} its applied contract (${reasons.join('; ')})`, verdict === 'breaks');
  }
  for (const type of mine?.receives ?? []) {
    if (theirs?.receives.includes(type) !== true) {
      say(`receives ${type}: the applied plan delivers none`, false);
      continue;
    }
    const [to, from] = [own.contracts.get(type), applied.contracts.get(type)];
    if (from === undefined || to === undefined) continue;
    const { verdict, reasons } = compareSchemas(from.schema, to.schema);
    if (verdict === 'compatible') continue;
    say(
      `receives ${type}: what comes ${wordOf(verdict)} the contract here (${reasons.join('; ')})`,
      verdict === 'breaks',
    );
  }
  for (const type of theirs?.receives ?? []) {
    if (mine?.receives.includes(type) !== true)
      say(`receives ${type} by the applied plan, and has no handler for it`, true);
  }
  return {
    differs,
    breaks,
    refuse: (type, data) => {
      const why = gone.get(type);
      if (why === undefined) return strict.get(type)?.validate(data);
      return new WaybillError('WB_PLAN_OUTDATED', `${service} cannot publish ${type}: the applied plan ${why}`, {
        fix: 'Run `waybill apply` where waybill.yaml declares it, or update this service to the applied plan.',
      });
    },
  };
}

function wordOf(verdict: 'unknown' | 'breaks'): string {
  return verdict === 'breaks' ? 'breaks' : 'may break';
}
