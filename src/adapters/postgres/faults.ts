import { toError, WaybillError } from '../../errors.ts';

/** What another attempt at once may heal: another transaction was in the way. */
const RACES: ReadonlySet<string> = new Set(['40001', '40P01']);

/** What no waiting heals (PostgreSQL, Appendix A): the login, the database, rights, what the url asks for. */
const REFUSALS: readonly RegExp[] = [/^28/, /^3D000$/, /^3F000$/, /^42501$/, /^0A/];

/** The connection is gone, or was never made. */
const AWAY: readonly RegExp[] = [/^08/, /^57P0/, /^53300$/, /^E[A-Z]+$/];

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
}

/** Whether no waiting heals it: the login, rights, or (class 42, 22, 25) what it was asked. */
export function isRefusal(thrown: unknown): boolean {
  const code = codeOf(thrown);
  return [...REFUSALS, /^(42|22|25)/].some((form) => form.test(code));
}

export function isRace(thrown: unknown): boolean {
  return RACES.has(codeOf(thrown));
}

/** Whether it may work on another connection. What took too long is not tried again: it would take as long. */
export function isAway(thrown: unknown): boolean {
  if (thrown instanceof WaybillError) return false;
  const code = codeOf(thrown);
  if (code !== '') return AWAY.some((form) => form.test(code));
  return /^(Connection terminated|Client has encountered a connection error)/.test(toError(thrown).message);
}

/** What the driver or the server said of a store that worked before, by name. */
export function unavailable(shown: string, thrown: unknown): WaybillError {
  if (thrown instanceof WaybillError) return thrown;
  const cause = toError(thrown);
  return new WaybillError('WB_STORE_UNAVAILABLE', `the store ${shown} failed: ${textOf(cause)}`, {
    retryable: true,
    cause,
  });
}

/** The same of a store that is being opened: what no waiting heals ends it. */
export function openFault(shown: string, thrown: unknown): WaybillError {
  const code = codeOf(thrown);
  if (!REFUSALS.some((form) => form.test(code))) return unavailable(shown, thrown);
  const cause = toError(thrown);
  return new WaybillError('WB_STORE_REFUSED', `the store ${shown} refused: ${cause.message}`, {
    fix: 'Check user, password and database in the url, and that the user may create the schema, or owns it.',
    cause,
  });
}

/** A host that has several addresses answers with one error for each. */
function textOf(error: Error): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((each) => toError(each).message).join('; ');
  }
  return error.message;
}
