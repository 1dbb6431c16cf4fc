import type { ErrorCode } from '../index.ts';

/** What a command ends with, for scripts. The help and the reference print this table. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'Done.' },
  unexpected: { code: 1, meaning: 'An error that Waybill does not expect; please report it.' },
  usage: { code: 2, meaning: 'The command was called wrongly.' },
  configuration: { code: 3, meaning: 'The configuration has faults, or there is none.' },
  transport: { code: 4, meaning: 'The transport cannot be reached, or did not take the message.' },
  notApplied: { code: 5, meaning: 'The plan is not the applied one; `waybill apply` applies it.' },
  nothing: { code: 6, meaning: 'Nothing matched.' },
  refused: { code: 7, meaning: 'Input was refused: it breaks its contract or cannot be read.' },
  changes: { code: 8, meaning: 'With `waybill plan --detailed-exitcode`: there is something to apply.' },
  stopped: {
    code: 9,
    meaning: 'With `waybill dead redrive`: the first letter was not settled, so the others were not sent.',
  },
} as const;

export type ExitName = keyof typeof EXIT_CODES;

const OF_ERROR: Partial<Record<ErrorCode, ExitName>> = {
  WB_CLOSED: 'transport',
  WB_CONFIG_FAULTS: 'configuration',
  WB_CONFIG_NOT_FOUND: 'configuration',
  WB_CONTRACT_UNKNOWN: 'configuration',
  WB_CONTRACT_VIOLATED: 'refused',
  WB_DEADLINE: 'transport',
  WB_DEFINITION_MISSING: 'notApplied',
  WB_INPUT_INVALID: 'refused',
  WB_JSON_DEPTH: 'refused',
  WB_JSON_DUPLICATE_KEY: 'refused',
  WB_JSON_INVALID: 'refused',
  WB_JSON_PROTO: 'refused',
  WB_JSON_UTF8: 'refused',
  WB_MESSAGE_INVALID: 'refused',
  WB_MESSAGE_TOO_LARGE: 'refused',
  WB_NOT_DECLARED: 'configuration',
  WB_NUMBER_EXACT: 'refused',
  WB_OPTION_INVALID: 'usage',
  WB_PARKING_FULL: 'transport',
  WB_MANIFEST_MOVED: 'transport',
  WB_PART_CONFLICT: 'configuration',
  WB_PART_UNKNOWN: 'nothing',
  WB_PAUSE_REFUSED: 'nothing',
  WB_PLAN_NOT_APPLIED: 'notApplied',
  WB_PLAN_OUTDATED: 'notApplied',
  WB_SERVICE_UNKNOWN: 'configuration',
  WB_TELEMETRY_MISSING: 'usage',
  WB_TOPOLOGY_CONFLICT: 'transport',
  WB_TRANSPORT_REFUSED: 'transport',
  WB_TRANSPORT_TLS: 'transport',
  WB_TRANSPORT_UNAVAILABLE: 'transport',
  WB_TRANSPORT_URL: 'configuration',
};

/** How a command ends that fails with this error. */
export function exitOf(code: ErrorCode): ExitName {
  return OF_ERROR[code] ?? (code.startsWith('WB_STORE_') ? 'transport' : 'unexpected');
}

/** The table for `waybill --help`. */
export function exitCodesText(): string {
  return ['Exit codes:', ...Object.values(EXIT_CODES).map(({ code, meaning }) => `  ${String(code)}  ${meaning}`)].join(
    '\n',
  );
}
