// What processes on one store tell each other when somebody has reset a provider. Apart from `ports.ts` only because of its length; it is
// a shape and does nothing.

/** Somebody's word that a provider is well again, for the processes on one store. */
export interface ProviderReset {
  readonly providerUid: string
  /** Of this one reset. */
  readonly id: string
  /** A mark of the address that it was said of; without a space. */
  readonly place: string
}
