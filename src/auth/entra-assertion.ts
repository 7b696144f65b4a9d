// The signed statement with which an application proves its certificate to Entra ID (RFC 7523). Certificate and key are read for each
// one: that is once in an hour or so, and a certificate that was renewed on disk is used from then on. Nothing is kept or written.

import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { EntraSettings } from '../core/catalog.ts'
import { tokenEndpoint } from '../core/azure-cloud.ts'
import { LIMITS } from '../core/limits.ts'
import { EntraRefusal } from './entra-refusal.ts'

/** It is used at once; the service takes no more than ten minutes. */
const ASSERTION_LIFE_SECONDS = 300
/** The service's clock may be a little behind. */
const CLOCK_SKEW_SECONDS = 30

/**
 * A fresh assertion, signed with the key of the application's certificate.
 * https://learn.microsoft.com/entra/identity-platform/certificate-credentials
 * @param id never used before
 * @param nowMs wall clock
 * @throws EntraRefusal when certificate or key cannot be used
 */
export async function clientAssertion(
  entra: EntraSettings,
  id: string,
  nowMs: number,
): Promise<string> {
  const { certificate, key } = await readPair(entra, nowMs)
  const nowSeconds = Math.floor(nowMs / 1_000)
  const { SignJWT } = await import('jose')
  return await new SignJWT({})
    .setProtectedHeader({
      alg: 'PS256',
      typ: 'JWT',
      'x5t#S256': createHash('sha256').update(certificate.raw).digest('base64url'),
    })
    .setAudience(tokenEndpoint(entra))
    .setIssuer(entra.clientId)
    .setSubject(entra.clientId)
    .setJti(id)
    .setIssuedAt(nowSeconds)
    .setNotBefore(nowSeconds - CLOCK_SKEW_SECONDS)
    .setExpirationTime(nowSeconds + ASSERTION_LIFE_SECONDS)
    .sign(key)
}

async function readPair(
  entra: EntraSettings,
  nowMs: number,
): Promise<{ certificate: X509Certificate; key: KeyObject }> {
  const certificatePem = await readPem(entra.certFile ?? '', 'cert_file')
  const keyPem =
    entra.keyFile === undefined ? certificatePem : await readPem(entra.keyFile, 'key_file')
  const certificate = openCertificate(certificatePem)
  const key = openKey(keyPem, entra.keyPassphrase, entra.keyFile ?? entra.certFile ?? '')
  if (key.asymmetricKeyType !== 'rsa') {
    throw unfit('the key is not an RSA key, which Entra ID asks for', 'Make an RSA certificate.')
  }
  if (!certificate.checkPrivateKey(key)) {
    throw unfit('the key is not that of the certificate', 'Check cert_file and key_file.')
  }
  if (Date.parse(certificate.validTo) <= nowMs) {
    const until = new Date(certificate.validTo).toISOString().slice(0, 10)
    throw unfit(`the certificate was valid until ${until}`, 'Renew it and upload it.')
  }
  return { certificate, key }
}

async function readPem(path: string, setting: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > LIMITS.configSecretFileBytesMax) throw new Error('the file is too large')
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw unfit(`${setting} could not be read`, `Check ${setting} and who may read it.`, cause)
  }
}

function openCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw unfit('cert_file holds no certificate in PEM form', 'Convert it to PEM.', cause)
  }
}

function openKey(pem: string, passphrase: string | undefined, path: string): KeyObject {
  try {
    return createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase })
  } catch (cause) {
    const code = (cause as { code?: unknown }).code
    if (code === 'ERR_MISSING_PASSPHRASE') {
      throw unfit('the private key is encrypted', 'Set key_passphrase.', cause)
    }
    if (code === 'ERR_OSSL_BAD_DECRYPT') {
      throw unfit('key_passphrase does not open the private key', 'Check key_passphrase.', cause)
    }
    throw unfit(
      'there is no private key in PEM form',
      `Look into ${path === '' ? 'cert_file' : path}.`,
      cause,
    )
  }
}

function unfit(reason: string, todo: string, cause?: unknown): EntraRefusal {
  return new EntraRefusal({ code: 'certificate', reason, todo }, '', cause)
}
