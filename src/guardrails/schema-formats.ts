// The formats of JSON Schema that are checked (2020-12 §7.3), each by a scan that is linear in its text. Pure.

import type { JsonValue } from '../core/json.ts'
import { isDay } from './detectors/checksums.ts'

const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  date: isDate,
  time: isTime,
  'date-time': (text) =>
    /^.{10}[Tt ]/s.test(text) && isDate(text.slice(0, 10)) && isTime(text.slice(11)),
  duration: (text) =>
    /^P(?:\d+W|(?=\d|T\d)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)$/.test(
      text,
    ),
  email: (text) => text.length <= 320 && /^[^\s@]{1,64}@[^\s@.]+(?:\.[^\s@.]+)*$/.test(text),
  'idn-email': (text) => text.length <= 320 && /^[^\s@]{1,64}@[^\s@.]+(?:\.[^\s@.]+)*$/.test(text),
  hostname: (text) =>
    text.length <= 253 &&
    text.split('.').every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)),
  ipv4: isIpv4,
  ipv6: (text) =>
    text.length <= 45 && /^[0-9A-Fa-f:.]+$/.test(text) && URL.canParse(`http://[${text}]`),
  uri: (text) => /^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]*$/.test(text),
  'uri-reference': (text) => /^[^\s<>"{}|\\^`]*$/.test(text),
  uuid: (text) => /^[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$/.test(text),
  'json-pointer': (text) => /^(?:\/(?:[^~/]|~[01])*)*$/.test(text),
}

export function isKnownFormat(name: JsonValue): boolean {
  return typeof name === 'string' && Object.hasOwn(FORMATS, name)
}

/** Whether a text has a format; true of one that is not known, which `isKnownFormat` refuses when the schema is read. */
export function isFormat(text: string, name: string): boolean {
  return FORMATS[name]?.(text) ?? true
}

function isDate(text: string): boolean {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)
  if (parts === null || !isDay('00', parts[2]!, parts[3]!)) return false
  const year = Number(parts[1])
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return leap || parts[2] !== '02' || parts[3] !== '29'
}

function isTime(text: string): boolean {
  return /^(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/.test(
    text,
  )
}

function isIpv4(text: string): boolean {
  const parts = text.split('.')
  return (
    parts.length === 4 &&
    parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  )
}
