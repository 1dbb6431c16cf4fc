import type { AuditRecord } from '../index.ts';
import type { ExitName } from './exit-codes.ts';
import { type GlobalOptions, withBus } from './session.ts';
import { count, type Terminal, table } from './terminal.ts';

/** Which records; without any, all of them. */
export interface DeadAuditOptions extends GlobalOptions {
  readonly endpoint?: string;
  readonly messageId?: string;
}

/** Shows who redrove or discarded which letters, the oldest first. */
export async function deadAudit(terminal: Terminal, options: DeadAuditOptions): Promise<ExitName> {
  return withBus<ExitName>(terminal, options, async (host) => {
    const rows: string[][] = [];
    for await (const record of host.transport.audit()) {
      if (!matches(record, options)) continue;
      terminal.data(record);
      const { at, by, action, letter, messageId, endpoint } = record;
      if (!terminal.json) rows.push([at, by, action, letter, messageId, endpoint]);
    }
    if (rows.length > 0) terminal.print(table(['at', 'by', 'action', 'letter', 'message', 'endpoint'], rows));
    if (!terminal.json) terminal.note(count(rows.length, 'record'));
    return 'ok';
  });
}

function matches(record: AuditRecord, { endpoint, messageId }: DeadAuditOptions): boolean {
  return (
    (endpoint === undefined || record.endpoint === endpoint) &&
    (messageId === undefined || record.messageId === messageId)
  );
}
