#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { ApplyOptions } from './apply.ts';
import type { CheckOptions } from './check.ts';
import type { DeadActionOptions, DeadOptions, RedriveOptions } from './dead.ts';
import type { DeadAuditOptions } from './dead-audit.ts';
import { EXIT_CODES, type ExitName, exitCodesText } from './exit-codes.ts';
import type { GrantsOptions } from './grants.ts';
import type { InitPluginOptions } from './init-plugin.ts';
import type { HttpOptions } from './operations.ts';
import type { PauseOptions } from './pause.ts';
import type { PlanOptions } from './plan.ts';
import type { PublishOptions } from './publish.ts';
import type { PullOptions } from './pull.ts';
import type { GlobalOptions } from './session.ts';
import type { StepsOptions } from './steps.ts';
import type { TailOptions } from './tail.ts';
import type { Terminal } from './terminal.ts';
import type { TypesOptions } from './types.ts';
import { version } from './version.ts';

const HTTP = 'serve /live, /ready and /metrics at a port of loopback, or at host:port';

/** The command line. Each command is loaded when it is called, and nothing of the bus before. */
function program(): Command {
  const root = new Command('waybill')
    .description('An enterprise service bus that is embedded in Node.js: contracts, routes and durable delivery.')
    .version(version(), '-v, --version')
    .option('--json', 'machine output: JSON, one value a line, on standard output alone')
    .option('--env <name>', 'take waybill.<name>.yaml as well (default: $WAYBILL_ENV)')
    .option('--config <path>', 'a waybill.yaml or its folder (default: the nearest one)')
    .option('--url <url>', 'the transport: embedded:<folder>, amqp://... (default: $WAYBILL_URL, then waybill.yaml)')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(waybill --help says what there is)')
    .exitOverride()
    .addHelpText('after', `\n${exitCodesText()}`);

  const init = command(
    root,
    'init [folder]',
    'Make a small bus that works: configuration, contracts, a route and a service.',
    ['waybill init hello && cd hello && npm install'],
  );
  init.action(async (folder: string | undefined, own: object, self: Command) => {
    await call(own, self, async (terminal) => (await import('./init.ts')).init(terminal, folder ?? '.'));
  });
  command(init, 'plugin <name>', 'Make a mediator in plugins/, with a test that runs by itself.', [
    'waybill init plugin geo',
    'waybill init plugin geo --ts',
  ])
    .option('--ts', 'write TypeScript')
    .action(async (name: string, own: InitPluginOptions, self: Command) => {
      await call(own, self, async (terminal, options) =>
        (await import('./init-plugin.ts')).initPlugin(terminal, name, options),
      );
    });

  command(root, 'check', 'Check all files together and show every fault in its place. Opens no transport.', [
    'waybill check',
    'waybill check --env prod --strict',
  ])
    .option('--strict', 'warnings count as faults')
    .action(async (own: CheckOptions, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./check.ts')).check(terminal, options));
    });

  command(root, 'steps [name]', 'Show what steps routes may have, those of plugins too, or all options of one.', [
    'waybill steps',
    'waybill steps aggregate',
    'waybill steps --schema route.schema.json',
  ])
    .option('--schema <file>', 'write the JSON Schema of route files for editors, plugins included')
    .action(async (name: string | undefined, own: StepsOptions, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./steps.ts')).steps(terminal, name, options));
    });

  command(root, 'plan', 'Show how each route is run, and what `waybill apply` would change.', [
    'waybill plan',
    'waybill plan --offline --json | jq .routes',
  ])
    .option('--offline', 'only what the files say, and what `waybill pull` fetched')
    .option('--detailed-exitcode', 'end with 8 when there is something to apply')
    .action(async (own: PlanOptions, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./plan.ts')).plan(terminal, options));
    });

  command(root, 'apply', 'Make the transport hold the plan: this part of it, beside the others. Safe to repeat.', [
    'waybill apply --env prod',
    'waybill apply --remove-part main --yes',
  ])
    .option('--remove-part <name>', 'a part that goes: another one that this one replaces, or this one itself')
    .option('--yes', 'removing the part is meant')
    .action(async (own: ApplyOptions, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./apply.ts')).apply(terminal, options));
    });

  command(
    root,
    'pull',
    'Fetch the other parts of the bus into parts/, to check against the whole without a connection.',
    ['waybill pull', 'waybill pull --check'],
  )
    .option('--check', 'write nothing; fail when parts/ is not what is applied')
    .action(async (own: PullOptions, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./pull.ts')).pull(terminal, options));
    });

  command(root, 'dev', 'Run the whole bus in one process, and go on with every edit.', [
    'waybill dev',
    'waybill dev --http 9464',
  ])
    .option('--http <address>', HTTP)
    .action(async (own: HttpOptions, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./dev.ts')).dev(terminal, options));
    });

  command(root, 'run', 'Run the router. Refuses to when the plan is not the applied one.', [
    'waybill run --url amqp://broker',
    'waybill run --http 0.0.0.0:9464',
  ])
    .option('--http <address>', HTTP)
    .action(async (own: HttpOptions, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./run.ts')).run(terminal, options));
    });

  command(root, 'grants', 'Print what each user of RabbitMQ needs, and no more. Opens no transport.', [
    'waybill grants | sh',
    'waybill grants --vhost retail --format definitions > grants.json',
  ])
    .addOption(
      new Option('--format <format>', 'rabbitmqctl commands, or a file for import_definitions')
        .choices(['commands', 'definitions'])
        .default('commands'),
    )
    .option('--vhost <name>', 'the vhost of the bus', '/')
    .action(async (own: GrantsOptions, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./grants.ts')).grants(terminal, options));
    });

  publishCommand(root);

  command(root, 'tail [types...]', 'Show messages as they are published, sensitive values masked.', [
    'waybill tail',
    'waybill tail shop.order.placed@1 --key CA-2016-152156',
  ])
    .option('--key <key>', 'only messages of this key')
    .option('--limit <n>', 'end after so many', whole)
    .option('--no-data', 'attributes only')
    .action(async (types: string[], own: TailOptions, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./tail.ts')).tail(terminal, types, options));
    });

  command(root, 'stats', 'Show what waits where, and what became of all messages.', ['waybill stats --json']).action(
    async (own: object, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./stats.ts')).stats(terminal, options));
    },
  );

  command(
    root,
    'trace <message>',
    'Show what was done with a message, by its id, the first 8 characters of it or more, or that of its dead letter, and what came of it.',
    ['waybill trace 5b0c8f6e-63d5-4a0c-9a52-8c1f6f2f4a10', 'waybill trace 5b0c8f6e --json'],
  ).action(async (message: string, own: GlobalOptions, self: Command) => {
    await call(own, self, async (terminal, options) => (await import('./trace.ts')).trace(terminal, message, options));
  });

  deadCommands(root);

  command(root, 'pause <name>', 'Let an endpoint or a route take nothing, in all processes, until it is resumed.', [
    'waybill pause billing --reason "the ledger is being moved"',
    'waybill pause eu-orders',
  ])
    .option('--reason <text>', 'why, for the others')
    .action(async (name: string, own: PauseOptions, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./pause.ts')).pause(terminal, name, options));
    });

  command(root, 'resume <name>', 'Let a paused endpoint or route take messages again.', [
    'waybill resume billing',
  ]).action(async (name: string, own: GlobalOptions, self: Command) => {
    await call(own, self, async (terminal, options) => (await import('./pause.ts')).resume(terminal, name, options));
  });

  command(root, 'types', 'Write TypeScript types of all contracts, for publish and handle.', [
    'waybill types --out src/waybill-types.ts',
    'waybill types --check',
  ])
    .option('--out <file>', 'where to write; - prints (default: waybill-types.ts beside waybill.yaml)')
    .option('--check', 'write nothing; fail when the file is not up to date')
    .action(async (own: TypesOptions, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./types.ts')).types(terminal, options));
    });
  return root;
}

function publishCommand(root: Command): void {
  command(root, 'publish <type> [file]', 'Publish the messages of a file, or of standard input.', [
    'waybill publish shop.order.placed@1 orders.jsonl',
    'waybill publish crm.customer.created@1 customers.csv --dry-run',
    `echo '{"sku": "A-1"}' | waybill publish erp.product.updated@1 --as erp`,
  ])
    .option('--as <service>', 'the service that publishes (default: the only one that declares the type)')
    .addOption(
      new Option('--format <format>', 'of the input (default: by the name of the file, else jsonl)').choices([
        'json',
        'jsonl',
        'csv',
      ]),
    )
    .option('--dry-run', 'check everything, send nothing')
    .option('--keep-going', 'go on behind a message that is refused')
    .option('--from-line <n>', 'skip what stands before this line', whole)
    .addHelpText(
      'after',
      `
json: one value, or a list of them. jsonl: a value a line. csv: the first row names properties, with dots for nested ones.
Messages are published in order, as they come; the first one that is refused ends it, and says how to go on from there.
The id of each is printed once it is durable, with --json beside its line: see \`waybill trace\`.`,
    )
    .action(async (type: string, file: string | undefined, own: PublishOptions, self: Command) => {
      await call(own, self, async (terminal, options) =>
        (await import('./publish.ts')).publish(terminal, type, file ?? '-', options),
      );
    });
}

function deadCommands(root: Command): void {
  const dead = root
    .command('dead')
    .description('Look after dead letters, and with --parked after messages that no route took.')
    .summary('Look after dead letters and parked messages.');
  const filtered = (name: string, description: string, examples: readonly string[]): Command =>
    command(dead, name, description, examples)
      .option('--parked', 'the parking lot instead of dead letters')
      .option('--endpoint <name>', 'given up at this endpoint')
      .option('--route <name>', 'given up by this route')
      .option('--type <type>', 'of this type, with its version')
      .option('--code <code>', 'given up with this error code')
      .option('--key <key>', 'of this key')
      .option('--message-id <id>', 'the letters of one message')
      .option('--limit <n>', 'at most so many, the oldest first', whole);

  filtered('list', 'List letters, the oldest first.', [
    'waybill dead list --endpoint billing',
    'waybill dead list --parked --json',
  ]).action(async (own: DeadOptions, self: Command) => {
    await call(own, self, async (terminal, options) => (await import('./dead.ts')).deadList(terminal, options));
  });

  command(dead, 'show <id>', 'Show the whole story of one letter, sensitive values masked.', [
    'waybill dead show 0mwr1voj2-000000',
  ])
    .option('--parked', 'the parking lot instead of dead letters')
    .action(async (id: string, own: DeadOptions, self: Command) => {
      await call(own, self, async (terminal, options) => (await import('./dead.ts')).deadShow(terminal, id, options));
    });

  filtered('redrive [ids...]', 'Send letters to where they died again; parked messages onto the bus.', [
    'waybill dead redrive 0mwr1voj2-000000',
    'waybill dead redrive --endpoint billing --rate 50',
    'waybill dead redrive --yes',
  ])
    .option('--rate <n>', 'at most so many a second', positive)
    .option('--no-canary', 'do not wait for the first of several to be settled before the others go')
    .option('--yes', 'all of them, where nothing filters')
    .action(async (ids: string[], own: RedriveOptions, self: Command) => {
      await call(own, self, async (terminal, options) =>
        (await import('./dead.ts')).deadRedrive(terminal, ids, options),
      );
    });

  filtered('discard [ids...]', 'Remove letters for good; who did it is recorded.', [
    'waybill dead discard --code WB_CONTRACT_VIOLATED',
  ])
    .option('--rate <n>', 'at most so many a second', positive)
    .option('--yes', 'all of them, where nothing filters')
    .action(async (ids: string[], own: DeadActionOptions, self: Command) => {
      await call(own, self, async (terminal, options) =>
        (await import('./dead.ts')).deadDiscard(terminal, ids, options),
      );
    });

  command(dead, 'audit', 'List who redrove or discarded which letters and parked messages, the oldest first.', [
    'waybill dead audit --endpoint billing',
    'waybill dead audit --json',
  ])
    .option('--endpoint <name>', 'given up at this endpoint')
    .option('--message-id <id>', 'the letters of one message')
    .action(async (own: DeadAuditOptions, self: Command) => {
      await call(own, self, async (terminal, options) =>
        (await import('./dead-audit.ts')).deadAudit(terminal, options),
      );
    });
}

function command(parent: Command, name: string, description: string, examples: readonly string[]): Command {
  const text = ['', 'Examples:', ...examples.map((example) => `  $ ${example}`)].join('\n');
  return parent.command(name).description(description).addHelpText('after', text);
}

/** Calls a command and sets how the process ends. */
async function call<Options extends object>(
  own: Options,
  self: Command,
  act: (terminal: Terminal, options: Options & GlobalOptions) => Promise<ExitName>,
): Promise<void> {
  const options = { ...own, ...self.optsWithGlobals<GlobalOptions>() };
  const { Terminal: Opened } = await import('./terminal.ts');
  const terminal = new Opened({ json: options.json === true });
  let exit: ExitName;
  try {
    exit = await act(terminal, options);
  } catch (error) {
    exit = (await import('./failure.ts')).tell(terminal, error);
  }
  process.exitCode = EXIT_CODES[exit].code;
}

function whole(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

try {
  await program().parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Commander has told people what is wrong; help and version are no errors.
  process.exitCode = error.exitCode === 0 ? EXIT_CODES.ok.code : EXIT_CODES.usage.code;
  // What was read of a faulty call is not to be relied on, so `--json` is looked for itself.
  if (error.exitCode !== 0 && process.argv.includes('--json')) {
    const message = error.message.replace(/^error: /, '');
    process.stdout.write(`${JSON.stringify({ error: { code: 'WB_OPTION_INVALID', message, retryable: false } })}\n`);
  }
}
