import { toError, WaybillError } from '../errors.ts';

/** How the engine says that something frozen was written to. */
const FROZEN = /read[- ]only property|not extensible|Cannot delete property|Cannot redefine property/;

/** The error of code that is not ours, saying whose it is: `the plugin geo (plugins/geo.mjs)`. */
export function blame(who: string, thrown: unknown): WaybillError {
  const error = toError(thrown);
  if (error instanceof WaybillError) {
    const { code, retryable, fix } = error;
    return new WaybillError(code, `${who}: ${error.message}`, {
      retryable,
      cause: error,
      ...(fix !== undefined && { fix }),
    });
  }
  if (error instanceof TypeError && FROZEN.test(error.message)) {
    return new WaybillError('WB_PLUGIN_FAILED', `${who} changes what it was given: ${error.message}`, {
      cause: error,
      fix: 'Make a new value, and return message.with({ data }).',
    });
  }
  // Told by the property alone: the package of a plugin may bring a copy of Waybill of its own.
  const retryable = 'retryable' in error && error.retryable === true;
  return new WaybillError('WB_PLUGIN_FAILED', `${who}: ${error.message}`, { retryable, cause: error });
}

/** What code that is not ours gave at once. Where that is a promise nobody awaits it, and its failure must not end the process. */
export function atOnce<T>(value: T): T {
  if (typeof value === 'object' && value !== null && 'then' in value) Promise.resolve(value).catch(() => undefined);
  return value;
}

/** Runs code that is not ours. @throws as `blame` */
export function blaming<T>(who: string, run: () => T): T {
  try {
    return run();
  } catch (thrown) {
    throw blame(who, thrown);
  }
}

/**
 * Waits for code that is not ours, but no longer than its attempt lasts.
 * @throws as `blame`; WB_PLUGIN_FAILED, retryable, when `signal` aborts first
 */
export async function blamingLater<T>(who: string, run: () => T | Promise<T>, signal: AbortSignal): Promise<T> {
  const late = (): WaybillError =>
    new WaybillError('WB_PLUGIN_FAILED', 'it did not end within the time of its attempt', { retryable: true });
  let stop = (): void => undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => {
      reject(late());
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([stopped, Promise.resolve().then(run)]);
  } catch (thrown) {
    throw blame(who, thrown);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
