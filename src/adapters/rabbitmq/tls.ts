import { readFile } from 'node:fs/promises';
import { toError, WaybillError } from '../../errors.ts';
import type { RabbitAddress, SecureOptions } from './address.ts';

/** Reads the files that the url names, once: a process that is to use renewed ones is started again. @throws WB_TRANSPORT_URL */
export async function secured(address: RabbitAddress): Promise<RabbitAddress> {
  const { tls, shown } = address;
  if (tls === undefined) return address;
  const read = async (name: 'cacertfile' | 'certfile' | 'keyfile'): Promise<Buffer | undefined> => {
    const file = tls[name];
    if (file === undefined) return undefined;
    try {
      return await readFile(file);
    } catch (cause) {
      throw new WaybillError('WB_TRANSPORT_URL', `${shown}: the ${name} cannot be read: ${toError(cause).message}`, {
        cause,
        fix: 'Mend the path; it is relative to the working directory.',
      });
    }
  };
  const [ca, cert, key] = await Promise.all([read('cacertfile'), read('certfile'), read('keyfile')]);
  const servername = tls.server_name_indication;
  const socket: SecureOptions = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
  };
  return { ...address, socket };
}

/** Why a connection could not be made secure; undefined where that is not the reason. */
export function tlsError(cause: Error, { shown, connect, tls }: RabbitAddress): WaybillError | undefined {
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  const secure = connect.protocol === 'amqps';
  const name = tls?.server_name_indication ?? connect.hostname ?? '';
  for (const { when, what, fix } of REASONS) {
    if (!when.test(code) && !when.test(cause.message)) continue;
    return new WaybillError(
      'WB_TRANSPORT_TLS',
      `${shown}: ${what.replace('{name}', name)} (${code || cause.message})`,
      {
        fix,
        cause,
      },
    );
  }
  // A broker that speaks TLS answers the greeting of AMQP with an alert, or hangs up.
  if (!secure && /Expected.*frame|Invalid frame|Socket closed abruptly|Unexpected frame/i.test(cause.message)) {
    return new WaybillError(
      'WB_TRANSPORT_UNAVAILABLE',
      `${shown}: no RabbitMQ speaks plain AMQP there: ${cause.message}`,
      {
        retryable: true,
        fix: 'If the port is for TLS, write amqps://.',
        cause,
      },
    );
  }
  return undefined;
}

const REASONS: readonly { readonly when: RegExp; readonly what: string; readonly fix: string }[] = [
  {
    when: /ALTNAME_INVALID/,
    what: "the broker's certificate is not for {name}",
    fix: 'Write the host as the certificate names it, or give that name as server_name_indication.',
  },
  {
    when: /^CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/,
    what: "the broker's certificate has expired or is not valid yet",
    fix: 'Renew it, and look at the clocks of both machines.',
  },
  {
    when: /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_SIGNATURE|CERT_UNTRUSTED/,
    what: "the broker's certificate is of an authority that this process does not know",
    fix: 'Give the certificate of the authority: amqps://...?cacertfile=<path>.',
  },
  {
    when: /CERTIFICATE_EXPIRED/,
    what: "the broker refuses this client's certificate: it has expired",
    fix: 'Renew the certificate of the client (certfile, keyfile).',
  },
  {
    when: /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA|alert certificate required|alert handshake failure|alert unknown ca/i,
    what: 'the broker asks for a certificate of the client, and takes none or not this one',
    fix: 'Give one that its authority has signed: amqps://...?certfile=<path>&keyfile=<path>.',
  },
  {
    when: /WRONG_VERSION_NUMBER|packet length too long|wrong version number|http request/i,
    what: 'the port does not speak TLS',
    fix: 'Name the TLS port (5671 by default), or write amqp:// for a plain one.',
  },
  {
    when: /^ERR_(OSSL|SSL)|KEY_VALUES_MISMATCH|PEM routines/,
    what: 'the connection could not be made secure',
    fix: 'Check cacertfile, certfile and keyfile: PEM, and a key that belongs to the certificate.',
  },
];
