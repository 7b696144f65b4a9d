// The ways in which providers take one model's name. A denial of a model has to hold for all of them, whatever kind of server is behind a
// provider: Ollama and Azure are often asked as a server of OpenAI's protocol. It changes no name that is sent.

import { percentDecoded } from './percent.ts'

/**
 * Names that may mean the same model as this one, itself among them. Case is not among them: Azure and Ollama take any, so names must be
 * compared without it.
 */
export function spellings(model: string): readonly string[] {
  const plain = percentDecoded(model)
    .trim()
    // Amazon's: a model by its id or its ARN.
    .replace(/^arn:aws[\w-]*:bedrock:[^:/]*::foundation-model\//i, '')
    // Google's: with its collection before it or without.
    .replace(/^(?:models\/)+(?=.)/i, '')
    // Ollama's: its own registry, that one's common namespace and the tag `latest` go without saying.
    .replace(/^(?:https?:\/\/)?(?:registry\.ollama\.ai\/)?(?:library\/)?(?=.)/i, '')
    .replace(/(?<=.):latest$/i, '')
  const names = new Set([model, plain, `models/${plain}`])
  if (!/:[^/]*$/.test(plain)) names.add(`${plain}:latest`)
  return [...names]
}
