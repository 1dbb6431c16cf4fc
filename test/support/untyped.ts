import type {
  HandleOptions,
  HandlerContext,
  Message,
  Publication,
  PublishOptions,
  Receipt,
  RequestOptions,
  Service,
} from '../../src/index.ts';

/**
 * A service seen without the payload types that `waybill types` wrote for the sample bus: for buses that tests and the
 * bench make up.
 */
export interface UntypedService extends Omit<Service, 'publish' | 'publishMany' | 'handle' | 'request' | 'respond'> {
  publish(type: string, data: unknown, options?: PublishOptions): Promise<Receipt>;
  publishMany(publications: readonly UntypedPublication[]): Promise<readonly Receipt[]>;
  handle(type: string, handler: UntypedHandler, options?: HandleOptions): this;
  request(type: string, data: unknown, options?: RequestOptions): Promise<Message>;
  respond(type: string, responder: UntypedResponder, options?: HandleOptions): this;
}

export interface UntypedPublication extends Omit<Publication, 'type' | 'data'> {
  readonly type: string;
  readonly data: unknown;
}

export interface UntypedContext extends Omit<HandlerContext, 'publish' | 'request'> {
  request(type: string, data: unknown, options?: RequestOptions): Promise<Message>;
  publish(type: string, data: unknown, options?: Omit<PublishOptions, 'deadlineMs'>): string;
}

export type UntypedHandler = (message: Message, context: UntypedContext) => Promise<void> | void;

export type UntypedResponder = (message: Message, context: UntypedContext) => unknown;

export function untyped(service: Service): UntypedService {
  return service;
}
