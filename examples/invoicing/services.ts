import type { Service } from 'waybill';
import type { CampaignMailSendV1, CrmActivityLogV1, CrmCustomerInvoicedV1 } from './messages.ts';

export type Activity = CrmActivityLogV1;
export type Mail = CampaignMailSendV1;

/** What the CRM has of a customer. */
export type Customer = Pick<CrmCustomerInvoicedV1, 'customerId' | 'name' | 'email' | 'country' | 'consent'>;

/** The CRM: keeps activities with the customer, and says who was invoiced. It knows nothing of campaigns. */
export function attendCrm(crm: Service, customers: ReadonlyMap<string, Customer>, activities: Activity[]): Service {
  return crm.handle(
    'crm.activity.log@1',
    ({ data }, context) => {
      const customer = customers.get(data.customerId);
      // Nobody can be asked by whom it is: a dead letter, to be redriven once the customer is known.
      if (customer === undefined) throw new UnknownCustomer(data.customerId);
      activities.push(data);
      const netOfYear = activities
        .filter(({ customerId, on }) => customerId === data.customerId && on.slice(0, 4) === data.on.slice(0, 4))
        .reduce((cents, { net }) => cents + Math.round(net * 100), 0);
      const { on, net } = data;
      context.publish('crm.customer.invoiced@1', { ...customer, on, net, netOfYear: netOfYear / 100 });
    },
    { inbox: true },
  );
}

/** Mail: sends what it is told, each once. */
export function attendMail(mail: Service, sent: Mail[]): Service {
  return mail.handle(
    'campaign.mail.send@1',
    ({ data }) => {
      sent.push(data);
    },
    { inbox: true },
  );
}

class UnknownCustomer extends Error {
  /** Trying again does not make a customer. */
  readonly retryable = false;

  constructor(customerId: string) {
    super(`there is no customer ${customerId}`);
  }
}
