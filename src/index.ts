/** The SDK's door. */
export {
  type Applied,
  type BusOptions,
  brokerGrants,
  type ConnectOptions,
  changesOf,
  connect,
  fetchApplied,
  openBus,
  serviceOn,
} from './bus.ts';
export type { PublishOptions } from './client/draft.ts';
export type { Handler, HandlerContext, Responder } from './client/handling.ts';
export type { HandlerTransaction } from './client/inbox.ts';
export type { RequestOptions } from './client/requester.ts';
export type { CloseOptions, HandleOptions, Publication, Receipt, Service } from './client/service.ts';
export type { AnswerOf, KnownRef, MessageTypes, PayloadOf, ReplyTypes, RequestRef } from './client/types.ts';
export {
  type CheckedConfiguration,
  type ConfigurationOptions,
  checkConfiguration,
  watchConfiguration,
} from './config/check.ts';
export { editorSchemas, type MediatorSchema } from './config/editor-schemas.ts';
export { type OptionRow, stepOptions } from './config/options-table.ts';
export { type PartFile, partFile } from './config/part-file.ts';
export { showFault } from './config/show-fault.ts';
export type { Contract, Contracts } from './contracts/contracts.ts';
export { generateTypes } from './contracts/types.ts';
export { ContractError, type Violation } from './contracts/violation.ts';
export { ERROR_CODES, type ErrorCode, type Fault, FaultsError, formatFault, toError, WaybillError } from './errors.ts';
export { ExactNumber, parseJson, parseJsonStrictly, showJson } from './json.ts';
export type { EncodedMessage, Envelope, Message, TypeRef } from './message.ts';
export { slotOf, typeRef } from './message.ts';
export { didYouMean } from './nearest.ts';
export { type Difference, differenceLine } from './plan/diff.ts';
export { explainPlan, formatPlan, type PlanReport } from './plan/explain.ts';
export { partsOf } from './plan/parts.ts';
export type { Plan } from './plan/plan.ts';
export { type Clock, systemClock, type Timer } from './ports/clock.ts';
export type { Grant } from './ports/grants.ts';
export type * from './ports/history.ts';
export type { Log } from './ports/log.ts';
export type * from './ports/topology.ts';
export { pauseText } from './ports/topology.ts';
export type * from './ports/transport.ts';
export type { ApplyPartOptions } from './runtime/applier.ts';
export type { Host } from './runtime/host.ts';
export {
  conversationsOf,
  type MessagePath,
  messagesLike,
  type PathEvent,
  pathsOf,
  type ReadHistory,
} from './runtime/message-path.ts';
export type { OwnPart } from './runtime/own-part.ts';
export type { Proposal } from './runtime/proposal.ts';
export { type Unseen, unseenOf } from './runtime/unseen.ts';
