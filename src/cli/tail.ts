import type { EncodedMessage } from '../index.ts';
import { showJson, typeRef } from '../index.ts';
import type { ExitName } from './exit-codes.ts';
import { type GlobalOptions, untilStopped, withBus } from './session.ts';
import { shownMessage } from './show-message.ts';
import type { Terminal } from './terminal.ts';

export interface TailOptions extends GlobalOptions {
  readonly key?: string;
  /** Ends after so many messages. */
  readonly limit?: number;
  /** Attributes only. */
  readonly data?: boolean;
}

/** Shows messages as they are published from now on, without taking them from anyone. */
export async function tail(terminal: Terminal, types: readonly string[], options: TailOptions): Promise<ExitName> {
  const stopped = untilStopped();
  return withBus<ExitName>(terminal, options, async (host) => {
    for (const type of types) host.plan.contracts.require(type);
    // Where this process turns out to own the folder, the bus must go on all the same.
    await host.host();
    const { promise: enough, resolve: end } = withResolvers();
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    const show = (message: EncodedMessage): void => {
      const { envelope } = message;
      if (left <= 0 || (options.key !== undefined && envelope.key !== options.key)) return;
      left--;
      const { data, ...attributes } = shownMessage(message, host.plan.contracts);
      terminal.data(options.data === false ? attributes : { ...attributes, data });
      const head = [
        envelope.time,
        terminal.style('bold', typeRef(envelope.type, envelope.version)),
        envelope.key ?? '-',
        envelope.id,
      ].join('  ');
      terminal.print(options.data === false ? head : `${head}\n  ${showJson(data)}`);
      if (left <= 0) end();
    };
    const tap = await host.transport.tap(types.length === 0 ? 'all' : types, show);
    terminal.note(`watching ${types.length === 0 ? 'all types' : types.join(', ')}; Ctrl+C ends it`);
    try {
      await Promise.race([stopped, enough]);
    } finally {
      await tap.close();
    }
    return 'ok';
  });
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
