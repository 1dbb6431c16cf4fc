import { WaybillError } from '../errors.ts';
import type { KeyRing } from '../ports/resources.ts';
import type { Problem } from '../routes/problem.ts';
import type { BusFile, SourceSettings } from './bus-file.ts';
import { readKeyRings } from './key-rings.ts';
import { Secret } from './secret.ts';
import { checkAddress } from './source-address.ts';
import { parseStoreUrl, parseTransportUrl, type StoreSetting, type TransportSetting } from './transport-url.ts';

/** What differs from machine to machine, references resolved. Never part of a definition, never leaves the process. */
export interface Settings {
  /** The folder of `waybill.yaml`, absolute. */
  readonly root: string;
  /** The environment whose overrides were taken: `prod` for `waybill.prod.yaml`. */
  readonly env: string | undefined;
  readonly transport: TransportSetting;
  /** Absent where the transport has its own. */
  readonly store: StoreSetting | undefined;
  readonly telemetry: TelemetrySettings;
  /** By name. A ring shows nothing of its keys. */
  readonly keyRings: ReadonlyMap<string, KeyRing>;
  /** By name. Secret as a whole: tokens stand in addresses as well. */
  readonly sources: Secret<Readonly<Record<string, SourceSettings>>>;
}

export type TelemetrySettings = BusFile['telemetry'];

/** The settings of a checked file, or why a url of it cannot be read. */
export function readSettings(bus: BusFile, root: string, env: string | undefined): Settings | Omit<Problem, 'file'>[] {
  const problems: Omit<Problem, 'file'>[] = [];
  const attempt = <T>(key: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (thrown) {
      if (!(thrown instanceof WaybillError)) throw thrown;
      const { code, message, fix } = thrown;
      problems.push({ code, path: [key], message, ...(fix === undefined ? {} : { fix }) });
      return undefined;
    }
  };
  const transport = attempt('transport', () => parseTransportUrl(bus.transport, root));
  const { store } = bus;
  const storeSetting = store === undefined ? undefined : attempt('store', () => parseStoreUrl(store, root));
  const keyRings = readKeyRings(bus.keys, (problem) => problems.push(problem));
  for (const [name, source] of Object.entries(bus.sources)) {
    const problem = checkAddress(name, source);
    if (problem !== undefined) problems.push(problem);
  }
  if (transport === undefined || problems.length > 0) return problems;
  return {
    root,
    env,
    transport,
    store: storeSetting,
    telemetry: bus.telemetry,
    keyRings,
    sources: new Secret(bus.sources),
  };
}
