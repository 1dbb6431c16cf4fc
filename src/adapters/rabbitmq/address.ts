import type { Options } from 'amqplib';
import { WaybillError } from '../../errors.ts';

/** A RabbitMQ and a bus on it, as `amqp(s)://user:password@host:port/vhost?bus=retail` names them. */
export interface RabbitAddress {
  readonly connect: Options.Connect;
  /** From `?bus=`. */
  readonly bus: string | undefined;
  /** For people: without user and password. */
  readonly shown: string;
  /** For `amqps`: the files and the name that the url gives, as RabbitMQ's own clients read them. */
  readonly tls?: TlsFiles;
  /** Of the broker's management plugin, where the url names it; asked as the same user. */
  readonly management?: URL;
  /** What those files hold. */
  readonly socket?: SecureOptions;
}

export interface TlsFiles {
  /** Of the authorities that may have signed the broker's certificate. @default those that Node knows */
  readonly cacertfile?: string;
  /** The client's certificate and its key, both in PEM. */
  readonly certfile?: string;
  readonly keyfile?: string;
  /** The name that the broker's certificate must have. @default the host */
  readonly server_name_indication?: string;
}

/** For `tls.connect`. The broker's certificate is always verified. */
export interface SecureOptions {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
}

const TLS_PARAMETERS = ['cacertfile', 'certfile', 'keyfile', 'server_name_indication'] as const;

/** A heartbeat of more than 3 s would leave a frozen consumer's partition alone for long: three of them must be missed. */
const HEARTBEAT_SECONDS = 3;

const BUS = /^[a-z][a-z0-9-]{0,39}$/;

/** @throws WB_TRANSPORT_URL, never with the password */
export function parseRabbitUrl(url: string): RabbitAddress {
  if (!URL.canParse(url)) {
    throw new WaybillError('WB_TRANSPORT_URL', 'the RabbitMQ url cannot be read', {
      fix: 'Write amqp://user:password@host:5672/vhost?bus=name; characters such as @ and / in a password are percent-encoded.',
    });
  }
  const parts = new URL(url);
  const protocol = parts.protocol.slice(0, -1);
  const shown = `${parts.protocol}//${parts.host}${parts.pathname === '/' ? '' : parts.pathname}`;
  if (protocol !== 'amqp' && protocol !== 'amqps') {
    throw new WaybillError('WB_TRANSPORT_URL', `${shown}: expected amqp:// or amqps://, got ${parts.protocol}//`);
  }
  const tls = readParameters(parts.searchParams, protocol, shown);
  const hostname = parts.hostname.replace(/^\[|\]$/g, '');
  if (hostname === '') throw new WaybillError('WB_TRANSPORT_URL', `${shown}: the host is missing`);
  const bus = parts.searchParams.get('bus') ?? undefined;
  if (bus !== undefined) checkBusName(bus);
  const management = parts.searchParams.get('management');
  return {
    bus,
    shown,
    ...(tls === undefined ? {} : { tls }),
    ...(management === null ? {} : { management: managementUrl(management, shown) }),
    connect: {
      protocol,
      hostname,
      port: parts.port === '' ? (protocol === 'amqps' ? 5671 : 5672) : Number(parts.port),
      username: parts.username === '' ? 'guest' : decoded(parts.username, 'user', shown),
      password: parts.username === '' && parts.password === '' ? 'guest' : decoded(parts.password, 'password', shown),
      // amqplib decodes it.
      vhost: parts.pathname.length <= 1 ? '/' : parts.pathname.slice(1),
      heartbeat: HEARTBEAT_SECONDS,
    },
  };
}

/** @throws WB_TRANSPORT_URL */
function readParameters(parameters: URLSearchParams, protocol: string, shown: string): TlsFiles | undefined {
  for (const name of parameters.keys()) {
    if (name === 'bus' || name === 'management' || TLS_PARAMETERS.some((known) => known === name)) continue;
    throw new WaybillError('WB_TRANSPORT_URL', `${shown}: unknown parameter "${name}"`, {
      fix:
        name === 'verify'
          ? "Leave it out: the broker's certificate is always verified. For one of your own authority give cacertfile."
          : `There are bus, management, ${TLS_PARAMETERS.join(', ')}.`,
    });
  }
  const given = TLS_PARAMETERS.filter((name) => parameters.has(name));
  const [first] = given;
  if (first === undefined) return undefined;
  if (protocol !== 'amqps') {
    throw new WaybillError('WB_TRANSPORT_URL', `${shown}: ${first} is for amqps://, and this is amqp://`, {
      fix: 'Write amqps://; its port is 5671 unless the url says another.',
    });
  }
  if (parameters.has('certfile') !== parameters.has('keyfile')) {
    throw new WaybillError('WB_TRANSPORT_URL', `${shown}: certfile and keyfile go together`, { fix: 'Give both.' });
  }
  return Object.fromEntries(given.map((name) => [name, parameters.get(name) ?? '']));
}

/** @throws WB_TRANSPORT_URL, never with what was given: it may hold a password */
function managementUrl(given: string, shown: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') {
    // So that what is asked for comes below a path, too.
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    return url;
  }
  throw new WaybillError('WB_TRANSPORT_URL', `${shown}: management is not an address such as http://host:15672`, {
    fix: 'Leave user and password out: it is asked as the user of the url.',
  });
}

function decoded(text: string, what: string, shown: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Without the error as a cause: it may quote what is secret.
    throw new WaybillError('WB_TRANSPORT_URL', `${shown}: the ${what} is not percent-encoded as it must be`, {
      fix: 'Write % as %25, @ as %40, / as %2F.',
    });
  }
}

/** @throws WB_TRANSPORT_URL */
export function checkBusName(bus: string): string {
  if (BUS.test(bus)) return bus;
  throw new WaybillError('WB_TRANSPORT_URL', `"${bus}" is not a name for a bus`, {
    fix: 'Use lower-case letters, digits and hyphens, at most 40, a letter first.',
  });
}
