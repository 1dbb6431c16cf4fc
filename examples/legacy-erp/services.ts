import type { Service } from 'waybill';
import type { CrmAccountChangedV1, CrmAccountChangedV2, CrmAccountUpsertV1 } from './messages.ts';

/** What each application has seen. */
export interface Seen {
  /** Of the CRM, by number. */
  readonly accounts: Map<string, CrmAccountUpsertV1>;
  /** Lines that wait for the import of the ERP. */
  readonly imports: string[];
  readonly support: CrmAccountChangedV2[];
  readonly newsletter: CrmAccountChangedV1[];
  readonly desk: CrmAccountChangedV2[];
}

/** The CRM tells of each change, as products in the cloud do, even of what it was told itself. */
export function attendCrm(service: Service, { accounts }: Seen): Service {
  return service.handle('crm.account.upsert@1', ({ data }, context) => {
    accounts.set(data.accountId, data);
    context.publish('crm.account.changed@2', { ...data, origin: 'erp' });
  });
}

export function attendErp(service: Service, { imports }: Seen): Service {
  return service.handle('erp.record.import@1', ({ data }) => void imports.push(data.record), { inbox: true });
}

/** Those who read of accounts, each in its major. */
export function attendReaders(support: Service, newsletter: Service, desk: Service, seen: Seen): Service[] {
  return [
    support.handle('crm.account.changed@2', ({ data }) => void seen.support.push(data), { inbox: true }),
    newsletter.handle('crm.account.changed@1', ({ data }) => void seen.newsletter.push(data), { inbox: true }),
    desk.handle('crm.account.changed@2', ({ data }) => void seen.desk.push(data), { inbox: true }),
  ];
}
