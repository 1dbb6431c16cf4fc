// Made by `waybill types` from the contracts. Do not edit: change the contract and run it again.

import type {} from 'waybill';

/**
 * An account was created or changed.
 * `crm.account.changed@1`
 */
export interface CrmAccountChangedV1 {
  /** Number of the account; ERP- and the customer's number when the ERP knows it */
  accountId: string;
  /** Name */
  name: string;
  /** Postal code */
  zip: string;
  /** City */
  city: string;
  /** ISO 3166 */
  country: 'DE' | 'AT' | 'CH';
  /** Most that it may owe, EUR */
  creditLimit: number;
  /** Nothing is to be delivered */
  blocked: boolean;
  /**
   * Day of the change
   * @format date
   */
  changedOn: string;
  /** Where the change was made */
  origin: 'erp' | 'crm' | 'field-app';
}

/**
 * An account was created or changed.
 * `crm.account.changed@2`
 */
export interface CrmAccountChangedV2 {
  /** Number of the account; ERP- and the customer's number when the ERP knows it */
  accountId: string;
  /** Name */
  name: string;
  /** Where it is */
  address: {
    /** Postal code */
    postalCode: string;
    /** City */
    city: string;
    /** ISO 3166 */
    country: 'DE' | 'AT' | 'CH';
  };
  /** What it may owe */
  credit: {
    /** Most that it may owe */
    amount: number;
    /** ISO 4217 */
    currency: 'EUR';
  };
  /** Whether anything is delivered */
  status: 'active' | 'blocked';
  /**
   * Where to write to
   * @format email
   */
  contact?: string;
  /**
   * Day of the change
   * @format date
   */
  changedOn: string;
  /** Where the change was made */
  origin: 'erp' | 'crm' | 'field-app';
}

/**
 * The CRM is to create an account, or to bring it up to date.
 * `crm.account.upsert@1`
 */
export interface CrmAccountUpsertV1 {
  /** Number of the account; ERP- and the customer's number when the ERP knows it */
  accountId: string;
  /** Name */
  name: string;
  /** Where it is */
  address: {
    /** Postal code */
    postalCode: string;
    /** City */
    city: string;
    /** ISO 3166 */
    country: 'DE' | 'AT' | 'CH';
  };
  /** What it may owe */
  credit: {
    /** Most that it may owe */
    amount: number;
    /** ISO 4217 */
    currency: 'EUR';
  };
  /** Whether anything is delivered */
  status: 'active' | 'blocked';
  /**
   * Day of the change
   * @format date
   */
  changedOn: string;
}

/**
 * A customer in the words of the ERP. Never leaves the routes.
 * `erp.customer.changed@1`
 */
export interface ErpCustomerChangedV1 {
  /** Number of the customer */
  KDNR: string;
  /** Name */
  NAME1: string;
  /** Postal code */
  PLZ: string;
  /** City */
  ORT: string;
  /** Country, as on a car */
  LAND: 'D' | 'A' | 'CH';
  /** Limit of credit, cents */
  KRLIM: number;
  /** X when nothing is to be delivered */
  SPERR: '' | 'X';
  /**
   * Day of the change
   * @format date
   */
  AEDAT: string;
}

/**
 * A line of an export of the ERP, as it stands in the file.
 * `erp.record.exported@1`
 */
export interface ErpRecordExportedV1 {
  /** Name of the file; its lines keep their order */
  file: string;
  /** Number of the line */
  line: number;
  /** The line, without its end */
  record: string;
}

/**
 * A line for the import of the ERP.
 * `erp.record.import@1`
 */
export interface ErpRecordImportV1 {
  /** Number of the customer */
  customer: string;
  /** The line, without its end */
  record: string;
}

declare module 'waybill' {
  interface MessageTypes {
    'crm.account.changed@1': CrmAccountChangedV1;
    'crm.account.changed@2': CrmAccountChangedV2;
    'crm.account.upsert@1': CrmAccountUpsertV1;
    'erp.customer.changed@1': ErpCustomerChangedV1;
    'erp.record.exported@1': ErpRecordExportedV1;
    'erp.record.import@1': ErpRecordImportV1;
  }
}
