import { WaybillError } from '../../errors.ts';

/** Not the fault of what was asked: whoever runs the source, or its login, can mend it. */
const MAY_HEAL: ReadonlySet<number> = new Set([401, 403, 408, 425, 429]);

/** Why an answer of this status is none; undefined when it is one. */
export function refusal(source: string, status: number, absent: readonly number[]): WaybillError | undefined {
  if ((status >= 200 && status < 300) || absent.includes(status)) return undefined;
  if (status >= 500 || MAY_HEAL.has(status)) {
    return new WaybillError('WB_SOURCE_FAILED', `the source ${source} answered ${String(status)}`, { retryable: true });
  }
  const redirected = status >= 300 && status < 400;
  return new WaybillError('WB_SOURCE_REFUSED', `the source ${source} answered ${String(status)}`, {
    fix: redirected
      ? `Write the address that it leads to at sources: ${source}: http. Redirects are not followed.`
      : `Where that says that there is no such thing, write sources: ${source}: absent: [${[...absent, status].join(', ')}].`,
  });
}
