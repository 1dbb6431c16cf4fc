import { FaultsError, toError, WaybillError } from '../index.ts';
import { type ExitName, exitOf } from './exit-codes.ts';
import { ShownFaults } from './session.ts';
import { count, type Terminal } from './terminal.ts';

/** A file that was named and cannot be read or written is no bug: `types --out /nope/x.ts`. */
function named(error: Error): Error {
  // Reading a folder names no path.
  if (!('syscall' in error && 'code' in error && ('path' in error || error.code === 'EISDIR'))) return error;
  return new WaybillError('WB_OPTION_INVALID', `a file cannot be used: ${error.message}`, {
    fix: 'Name a place that there is, and that this user may use.',
    cause: error,
  });
}

/** Says why a command failed, and how it ends. What Waybill does not expect comes with its stack. */
export function tell(terminal: Terminal, thrown: unknown): ExitName {
  const error = named(toError(thrown));
  if (!(error instanceof WaybillError)) {
    terminal.data({ error: { message: error.message } });
    terminal.note(terminal.style('red', error.stack ?? error.message, 'stderr'));
    return 'unexpected';
  }
  const { code, message, fix, retryable } = error;
  const faults = error instanceof FaultsError ? { faults: error.faults } : {};
  terminal.data({ error: { code, message, retryable, ...(fix === undefined ? {} : { fix }), ...faults } });
  if (error instanceof ShownFaults) terminal.note(count(error.faults.length, 'fault'));
  else {
    terminal.note(`${terminal.style('red', code, 'stderr')}  ${message}`);
    if (fix !== undefined) terminal.note(`  ${fix}`);
  }
  return exitOf(code);
}
