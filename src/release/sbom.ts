// The SBOM of a release, CycloneDX 1.6 as JSON: what is inside the executable, with versions, licences, sums and who needs whom. It is the
// same for the same source: no time of the clock, no random number.

import { createHash } from 'node:crypto'
import { Enums, Models, SPDX, Serialize, Spec } from '@cyclonedx/cyclonedx-library'
import type { LinkedLibrary } from './licences.ts'
import type { ShippedPackage } from './packages.ts'

export interface SbomInput {
  /** Of Weir. */
  readonly version: string
  /** Of the runtime inside the executable. */
  readonly bunVersion: string
  readonly packages: readonly ShippedPackage[]
  /** What the runtime links: it tells their names and licences, not their versions. */
  readonly linked: readonly LinkedLibrary[]
  /** What the release is dated, so that it is the same whenever it is made. */
  readonly date: Date
}

/**
 * The text of the document, indented, with a line end.
 * @throws Error for a licence that is no SPDX identifier
 */
export function sbom({ bunVersion, date, linked, packages, version }: SbomInput): string {
  const runtime = new Models.Component(Enums.ComponentType.Platform, 'bun', {
    bomRef: `pkg:npm/bun@${bunVersion}`,
    version: bunVersion,
    purl: `pkg:npm/bun@${bunVersion}`,
    description: 'The JavaScript runtime inside the executable, with what it links statically.',
    licenses: new Models.LicenseRepository([licenceOf('MIT')]),
    externalReferences: new Models.ExternalReferenceRepository([
      new Models.ExternalReference('https://bun.com', Enums.ExternalReferenceType.Website),
    ]),
    components: new Models.ComponentRepository(
      linked.map(
        ({ homepage, licence, name }) =>
          new Models.Component(Enums.ComponentType.Library, name, {
            bomRef: `pkg:npm/bun@${bunVersion}#${encodeURIComponent(name)}`,
            licenses: new Models.LicenseRepository([new Models.NamedLicense(licence)]),
            externalReferences: new Models.ExternalReferenceRepository([
              new Models.ExternalReference(homepage, Enums.ExternalReferenceType.Website),
            ]),
          }),
      ),
    ),
  })
  const components = packages.map((each) => ({ ...each, made: component(each) }))
  for (const { made, needs } of components) {
    // Of a package in several versions any may be meant.
    const needed = components.filter(({ name }) => needs.includes(name))
    for (const each of needed) made.dependencies.add(each.made.bomRef)
  }
  const weir = new Models.Component(Enums.ComponentType.Application, 'weir', {
    bomRef: `pkg:generic/weir@${version}`,
    version,
    purl: `pkg:generic/weir@${version}`,
    description: 'A self-hosted LLM gateway in one executable.',
    licenses: new Models.LicenseRepository([licenceOf('Apache-2.0')]),
    dependencies: new Models.BomRefRepository(
      [runtime, ...components.map(({ made }) => made)].map((each) => each.bomRef),
    ),
  })
  const bom = new Models.Bom({
    metadata: new Models.Metadata({ component: weir, timestamp: date }),
    components: new Models.ComponentRepository([runtime, ...components.map(({ made }) => made)]),
  })
  const serializer = new Serialize.JsonSerializer(
    new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6),
  )
  bom.serialNumber = serialNumber(serializer.serialize(bom, { sortLists: true }))
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`
}

function component({ description, homepage, integrity, licence, name, version }: ShippedPackage) {
  const [group, short] = name.startsWith('@') ? name.split('/') : [undefined, name]
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  return new Models.Component(Enums.ComponentType.Library, short ?? name, {
    bomRef: purl,
    ...(group === undefined ? {} : { group }),
    version,
    purl,
    ...(description === '' ? {} : { description }),
    licenses: new Models.LicenseRepository([licenceOf(licence)]),
    hashes: new Models.HashDictionary(
      integrity === undefined ? [] : [[Enums.HashAlgorithm['SHA-512'], sha512Hex(integrity)]],
    ),
    externalReferences: new Models.ExternalReferenceRepository(
      homepage === undefined
        ? []
        : [new Models.ExternalReference(homepage, Enums.ExternalReferenceType.Website)],
    ),
  })
}

/** One licence by its identifier. An expression of several is looked at before it is let in here. @throws Error for anything else */
function licenceOf(identifier: string) {
  if (!SPDX.isSupportedSpdxId(identifier)) {
    throw new Error(`release: '${identifier}' is no SPDX identifier`)
  }
  return new Models.SpdxLicense(identifier)
}

/** `sha512-…` in base64, as lock files have it, in the hexadecimal of the document. */
function sha512Hex(integrity: string): string {
  return Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex')
}

/** A UUID made of the content (RFC 9562, version 8): another content has another number. */
function serialNumber(content: string): string {
  const bytes = createHash('sha256').update(content).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ]
  return `urn:uuid:${parts.join('-')}`
}
