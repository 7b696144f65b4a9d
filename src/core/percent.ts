// Percent-encoding (RFC 3986) as whoever wrote an address may have got it wrong: reading it never fails. Pure; what the text is then good
// for is its reader's to say.

/** The text with its escapes undone; as it is where a `%` begins none. */
export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Not escaped, or not as UTF-8: it stands for itself.
    return text
  }
}
