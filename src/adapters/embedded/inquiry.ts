import type { Cause, Loaded, StateRef } from '../../ports/store.ts';
import type { Manifest, Pause } from '../../ports/topology.ts';
import type {
  ApplyOptions,
  ApplyResult,
  AuditRecord,
  DeadLetter,
  OfficeFilter,
  TransportStats,
} from '../../ports/transport.ts';
import type { Cabinet, Page } from './core.ts';
import type { Frame } from './frames.ts';
import { manifestOf } from './records.ts';
import { auditOf, isRecord, letterOf, numberIn, statsOf, stringsOf } from './shapes.ts';
import { loadedOf } from './wire-units.ts';

/** Questions and requests to the owner that one answer ends. */
export abstract class Inquiry {
  abstract call(method: string, more?: object): Promise<Frame>;

  async letters(cabinet: Cabinet, filter: OfficeFilter, after: string, most: number): Promise<Page<DeadLetter>> {
    const { header, packed } = await this.call('letters', { cabinet, filter, after, most });
    const value = isRecord(header['value']) ? header['value'] : {};
    const stories = Array.isArray(value['items']) ? value['items'].filter(isRecord) : [];
    const items = packed.messages.map((message, at) => letterOf(stories[at] ?? {}, message));
    const { next } = value;
    return typeof next === 'string' ? { items, next } : { items };
  }

  async letter(cabinet: Cabinet, id: string): Promise<DeadLetter | undefined> {
    const { header, packed } = await this.call('letter', { cabinet, letter: id });
    const [message] = packed.messages;
    return message === undefined || !isRecord(header['value']) ? undefined : letterOf(header['value'], message);
  }

  async redrive(cabinet: Cabinet, ids: readonly string[], by: string): Promise<number> {
    return numberIn((await this.call('redrive', { cabinet, ids, by })).header, 'value');
  }

  async discard(cabinet: Cabinet, ids: readonly string[], by: string): Promise<number> {
    return numberIn((await this.call('discard', { cabinet, ids, by })).header, 'value');
  }

  async audit(after: string, most: number): Promise<Page<AuditRecord>> {
    const { header } = await this.call('audit', { after, most });
    const value = isRecord(header['value']) ? header['value'] : {};
    const items = Array.isArray(value['items']) ? value['items'].filter(isRecord).map(auditOf) : [];
    const { next } = value;
    return typeof next === 'string' ? { items, next } : { items };
  }

  async record(text: string): Promise<void> {
    await this.call('record', { text });
  }

  async history(after: string): Promise<Page<string>> {
    const { header } = await this.call('history', { after });
    const value = isRecord(header['value']) ? header['value'] : {};
    const items = stringsOf(value['items']);
    const { next } = value;
    return typeof next === 'string' ? { items, next } : { items };
  }

  async load(cause: Cause | undefined, refs: readonly StateRef[]): Promise<Loaded> {
    return loadedOf(await this.call('load', { cause, refs }));
  }

  async stats(): Promise<TransportStats> {
    return statsOf((await this.call('stats')).header['value']);
  }

  async manifest(): Promise<Manifest | undefined> {
    const { value } = (await this.call('manifest')).header;
    return isRecord(value) ? manifestOf(value) : undefined;
  }

  async pause(endpoint: string, pause: Pause | undefined): Promise<void> {
    await this.call('pause', { endpoint, ...(pause !== undefined && { pause }) });
  }

  async apply(manifest: Manifest, { after }: ApplyOptions = {}): Promise<ApplyResult> {
    const { value } = (await this.call('apply', { manifest, ...(after !== undefined && { after }) })).header;
    return { changes: isRecord(value) ? stringsOf(value['changes']) : [] };
  }
}
