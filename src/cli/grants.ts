import { brokerGrants, type Grant } from '../index.ts';
import type { ExitName } from './exit-codes.ts';
import { type GlobalOptions, soundConfiguration } from './session.ts';
import type { Terminal } from './terminal.ts';

export interface GrantsOptions extends GlobalOptions {
  readonly format: 'commands' | 'definitions';
  /** @default `/` */
  readonly vhost: string;
}

/** Prints what each user of the broker needs. Opens no transport. */
export async function grants(terminal: Terminal, options: GrantsOptions): Promise<ExitName> {
  const { plan } = await soundConfiguration(terminal, options);
  const all = await brokerGrants(plan);
  const file = definitions(all, options.vhost);
  terminal.data(file);
  terminal.print(options.format === 'definitions' ? JSON.stringify(file, undefined, 2) : commands(all, options.vhost));
  return 'ok';
}

function commands(all: readonly Grant[], vhost: string): string {
  const place = `-p ${shell(vhost)}`;
  return all
    .map(({ user, whose, configure, write, read, topics }) =>
      [
        `# ${whose}`,
        `rabbitmqctl set_permissions ${place} ${[user, configure, write, read].map(shell).join(' ')}`,
        // What an earlier plan granted goes first.
        `rabbitmqctl clear_topic_permissions ${place} ${shell(user)}`,
        ...topics.map(
          (topic) =>
            `rabbitmqctl set_topic_permissions ${place} ${[user, topic.exchange, topic.write, topic.read].map(shell).join(' ')}`,
        ),
      ].join('\n'),
    )
    .join('\n\n');
}

/** As `rabbitmqctl import_definitions` takes it. Users and passwords are not Waybill's. */
function definitions(all: readonly Grant[], vhost: string): object {
  return {
    permissions: all.map(({ user, configure, write, read }) => ({ user, vhost, configure, write, read })),
    topic_permissions: all.flatMap(({ user, topics }) => topics.map((topic) => ({ user, vhost, ...topic }))),
  };
}

/** For a POSIX shell. */
function shell(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
