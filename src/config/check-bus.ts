import { slotsNeeded, type TypeRef } from '../message.ts';
import { unknownType } from '../routes/check.ts';
import type { Problem } from '../routes/problem.ts';
import type { BusFile } from './bus-file.ts';
import type { DocumentPath } from './definition.ts';
import { record } from './explain.ts';
import { hasReference } from './references.ts';
import { EXPECTED_NAME, NAME } from './shape.ts';

/** Names of endpoints and addresses that are the bus's own. */
const RESERVED: ReadonlySet<string> = new Set(['bus', 'gateway', 'router', 'route']);

type BusProblem = Omit<Problem, 'file'>;
type Report = (path: DocumentPath, message: string, fix: string, key?: boolean) => void;

/**
 * What the shape of `waybill.yaml` cannot say: names, types without a contract, options that contradict each other.
 * @param written the file as it stands, to tell an option from its default
 */
export function checkBus(bus: BusFile, written: unknown, types: ReadonlySet<TypeRef>): BusProblem[] {
  const problems: BusProblem[] = [];
  const report: Report = (path, message, fix, key = false) => {
    problems.push({ code: 'WB_OPTION_INVALID', path, key, message, fix });
  };
  const checkTypes = (refs: readonly TypeRef[], at: DocumentPath): void => {
    refs.forEach((ref, i) => {
      if (!types.has(ref)) problems.push({ path: [...at, i], ...unknownType(ref, types) });
    });
  };
  checkUsers(bus.services, report);
  checkPartitions('the router', bus.router.partitions, bus.slots, ['router', 'partitions'], report);
  for (const [name, service] of Object.entries(bus.services)) {
    const path = ['services', name];
    checkName('service', name, path, report);
    checkTypes(service.publishes, [...path, 'publishes']);
    checkTypes(service.receives, [...path, 'receives']);
    checkPartitions(name, service.partitions, bus.slots, [...path, 'partitions'], report);
    checkService(service, path, record(record(record(written)['services'])[name]), report);
  }
  for (const [name, source] of Object.entries(bus.sources)) {
    const path = ['sources', name];
    checkName('source', name, path, report);
    checkSource(source, path, record(record(record(written)['sources'])[name]), report);
    for (const word of ['request', 'response'] as const) {
      const type = source[word];
      if (type !== undefined && !types.has(type)) problems.push({ path: [...path, word], ...unknownType(type, types) });
    }
    checkSecrets(
      secretsOf(record(record(record(record(written)['sources'])[name])['auth']), [...path, 'auth']),
      report,
    );
  }
  for (const [name, ring] of Object.entries(bus.keys)) {
    const path = ['keys', name];
    checkName('key ring', name, path, report);
    for (const id of Object.keys(ring.keys)) checkName('key', id, [...path, 'keys', id], report);
    const keys = record(record(record(record(written)['keys'])[name])['keys']);
    checkSecrets(
      Object.entries(keys).map(([id, value]) => [value, [...path, 'keys', id]]),
      report,
    );
  }
  return problems;
}

function checkName(what: string, name: string, path: DocumentPath, report: Report): void {
  if (!new RegExp(NAME).test(name)) {
    report(
      path,
      `a ${what}'s name: expected ${EXPECTED_NAME}, found ${JSON.stringify(name)}`,
      `write ${tidy(name)}`,
      true,
    );
  } else if (what === 'service' && RESERVED.has(name)) {
    report(path, `${name} is a name of the bus's own`, `Name the service otherwise: ${name}-service.`, true);
  }
}

/** A name that would do: `OrderService_2` -> `order-service-2`. */
function tidy(name: string): string {
  const words = name
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '');
  return words === '' ? 'it in lower-case letters' : words.slice(0, 63);
}

function checkPartitions(
  whose: string,
  partitions: number,
  slots: number | undefined,
  path: DocumentPath,
  report: Report,
): void {
  if (slots === undefined || partitions <= slots) return;
  report(
    path,
    `${whose} has ${String(partitions)} partitions, more than the ${String(slots)} slots that keys fall into`,
    `Write slots: ${String(slotsNeeded(partitions))}, or fewer partitions, or leave slots out.`,
  );
}

/** The gateway tells services apart by the user that the broker vouches for. */
function checkUsers(services: BusFile['services'], report: Report): void {
  const owners = new Map<string, string>();
  for (const [name, { user = name }] of Object.entries(services)) {
    const owner = owners.get(user);
    if (owner === undefined) owners.set(user, name);
    else {
      const [where, other] = services[name]?.user === undefined ? [owner, name] : [name, owner];
      report(
        ['services', where, 'user'],
        `the user ${user} is the service ${other}'s already`,
        'Give each service a user of its own: grants and the gateway go by it.',
      );
    }
  }
}

function checkService(
  service: BusFile['services'][string],
  path: DocumentPath,
  written: Readonly<Record<string, unknown>>,
  report: Report,
): void {
  const { retry } = service;
  if (service.ordering === 'none' && Object.hasOwn(written, 'hold')) {
    report(
      [...path, 'hold'],
      '`hold` is for `ordering: key`; with `ordering: none` nothing is held',
      'Remove hold.',
      true,
    );
  }
  if (retry.immediate > retry.attempts) {
    const given = Object.hasOwn(record(written['retry']), 'immediate') ? 'immediate' : 'attempts';
    report(
      [...path, 'retry', given],
      `immediate (${String(retry.immediate)}) is of attempts (${String(retry.attempts)}), so it cannot be more`,
      'Raise attempts, or lower immediate.',
    );
  }
  if (retry.delay > retry.max) {
    const given = Object.hasOwn(record(written['retry']), 'max') ? 'max' : 'delay';
    report(
      [...path, 'retry', given],
      'the first delay is longer than the longest, `max`',
      'Raise max, or lower delay.',
    );
  }
}

/** What a table has beside `table`. */
const OF_TABLES: ReadonlySet<string> = new Set(['table', 'response']);

function checkSource(
  { http, table }: BusFile['sources'][string],
  path: DocumentPath,
  written: Readonly<Record<string, unknown>>,
  report: Report,
): void {
  if ((http === undefined) === (table === undefined)) {
    const what = http === undefined ? 'neither `http` nor `table`' : 'both `http` and `table`';
    report(path, `the source has ${what}`, 'Write one of them: where to ask, or which rows to keep.');
    return;
  }
  if (table === undefined) return;
  for (const option of Object.keys(written).filter((each) => !OF_TABLES.has(each)))
    report([...path, option], `${option} is for http, and this is a table`, `Remove ${option}.`, true);
  const { file, database, query } = table;
  const inDatabase = database !== undefined && query !== undefined;
  if ((file !== undefined && database === undefined && query === undefined) || (file === undefined && inDatabase)) {
    checkSecrets([[record(written['table'])['database'], [...path, 'table', 'database']]], report);
    return;
  }
  report(
    [...path, 'table'],
    'a table is read from a `file`, or by a `query` from a `database`',
    'Write file: tables/<name>.csv, or database: "${NAME}" with query: SELECT ...',
  );
}

type Placed = readonly [value: unknown, at: DocumentPath];

function secretsOf(auth: Readonly<Record<string, unknown>>, path: DocumentPath): readonly Placed[] {
  return [
    [auth['bearer'], [...path, 'bearer']],
    [record(auth['basic'])['password'], [...path, 'basic', 'password']],
    [record(auth['header'])['value'], [...path, 'header', 'value']],
  ];
}

/** Files are shared, and a definition travels to the broker and to every service, so what is secret stands there as a reference only. */
function checkSecrets(places: readonly Placed[], report: Report): void {
  for (const [value, at] of places) {
    if (typeof value === 'string' && !hasReference(value)) {
      report(
        at,
        'a secret stands here in plain text',
        'Put it into a variable or a file: "${NAME}" or "${file:/run/secrets/name}".',
      );
    }
  }
}
