// Made by `waybill types` from the contracts. Do not edit: change the contract and run it again.

import type {} from 'waybill';

/**
 * An invoice was written and sent.
 * `billing.invoice.issued@1`
 */
export interface BillingInvoiceIssuedV1 {
  /** Number of the invoice */
  invoiceId: string;
  /** Customer number of the CRM */
  customerId: string;
  /** @format date */
  issuedOn: string;
  lines: {
    text: string;
    /** Without tax, EUR */
    net: number;
  }[];
}

/**
 * A mail of a campaign is to be sent.
 * `campaign.mail.send@1`
 */
export interface CampaignMailSendV1 {
  customerId: string;
  /** @format email */
  email: string;
  campaign: string;
  template: 'thanks' | 'thanks-gold';
  language: 'de' | 'fr' | 'en';
  /** EUR */
  voucher: number;
}

/**
 * Something happened with a customer that people who talk to the customer should see.
 * `crm.activity.log@1`
 */
export interface CrmActivityLogV1 {
  customerId: string;
  kind: 'invoice' | 'credit';
  /** Number of the document */
  reference: string;
  /** @format date */
  on: string;
  /** EUR; below zero for a credit */
  net: number;
  text: string;
}

/**
 * A customer was invoiced, with what the CRM knows of the customer.
 * `crm.customer.invoiced@1`
 */
export interface CrmCustomerInvoicedV1 {
  customerId: string;
  name: string;
  /** @format email */
  email: string;
  country: string;
  consent: {
    /** Agreed to mails that advertise */
    mail: boolean;
    /**
     * Until when; without it until it is withdrawn
     * @format date
     */
    until?: string;
  };
  /**
   * Day of the invoice
   * @format date
   */
  on?: string;
  /** Of this invoice, EUR */
  net: number;
  /** Of all invoices of the year so far, EUR */
  netOfYear: number;
}

declare module 'waybill' {
  interface MessageTypes {
    'billing.invoice.issued@1': BillingInvoiceIssuedV1;
    'campaign.mail.send@1': CampaignMailSendV1;
    'crm.activity.log@1': CrmActivityLogV1;
    'crm.customer.invoiced@1': CrmCustomerInvoicedV1;
  }
}
