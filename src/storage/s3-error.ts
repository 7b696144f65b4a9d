// What a bucket refuses with. Apart from what speaks to one, which is loaded only where there is a bucket: whoever moves objects tells one
// refusal from another without it.

/** An answer that is no success. Its code is S3's own word: `AccessDenied`, `NoSuchBucket`, `SignatureDoesNotMatch`, … */
export class S3Error extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string) {
    super(`S3 answered ${status} ${code}`)
    this.name = 'S3Error'
    this.status = status
    this.code = code
  }
}
