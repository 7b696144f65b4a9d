// The lines for libraries and the command line: a whole small program each, so that it can be run as it is. The end-to-end tests run those
// whose clients are there.

import { KEY_PLACEHOLDER as KEY, lines, quoted, shellWord, type SnippetTool } from './snippet.ts'

const QUESTION = 'Say hello.'

/** How a reader's program says something; this one has its logger. */
const SAY = ['console', 'log'].join('.')

const curl: SnippetTool = {
  id: 'curl',
  title: 'curl',
  group: 'Command line',
  parts: ({ baseUrl, model }) => [
    {
      where: 'A terminal',
      language: 'sh',
      text: lines(
        `curl ${shellWord(`${baseUrl}/v1/chat/completions`)} \\`,
        `  -H 'Authorization: Bearer ${KEY}' \\`,
        `  -H 'Content-Type: application/json' \\`,
        `  -d ${shellWord(
          JSON.stringify({ model, messages: [{ role: 'user', content: QUESTION }] }),
        )}`,
      ),
    },
  ],
}

const openaiPython: SnippetTool = {
  id: 'openai-python',
  title: 'OpenAI SDK (Python)',
  group: 'Libraries',
  parts: ({ baseUrl, model }) => [
    { where: 'A terminal', language: 'sh', text: lines('pip install openai') },
    {
      where: 'hello.py',
      language: 'python',
      text: lines(
        'from openai import OpenAI',
        '',
        `client = OpenAI(base_url=${quoted(`${baseUrl}/v1`)}, api_key=${quoted(KEY)})`,
        'answer = client.chat.completions.create(',
        `    model=${quoted(model)},`,
        `    messages=[{"role": "user", "content": ${quoted(QUESTION)}}],`,
        ')',
        'print(answer.choices[0].message.content)',
      ),
    },
  ],
}

const openaiJavascript: SnippetTool = {
  id: 'openai-js',
  title: 'OpenAI SDK (JavaScript)',
  group: 'Libraries',
  parts: ({ baseUrl, model }) => [
    { where: 'A terminal', language: 'sh', text: lines('npm install openai') },
    {
      where: 'hello.mjs',
      language: 'javascript',
      text: lines(
        "import OpenAI from 'openai'",
        '',
        'const client = new OpenAI({',
        `  baseURL: ${quoted(`${baseUrl}/v1`)},`,
        `  apiKey: ${quoted(KEY)},`,
        '})',
        'const answer = await client.chat.completions.create({',
        `  model: ${quoted(model)},`,
        `  messages: [{ role: 'user', content: ${quoted(QUESTION)} }],`,
        '})',
        `${SAY}(answer.choices[0].message.content)`,
      ),
    },
  ],
}

const anthropicPython: SnippetTool = {
  id: 'anthropic-python',
  title: 'Anthropic SDK (Python)',
  group: 'Libraries',
  parts: ({ baseUrl, model }) => [
    { where: 'A terminal', language: 'sh', text: lines('pip install anthropic') },
    {
      where: 'hello.py',
      language: 'python',
      text: lines(
        'from anthropic import Anthropic',
        '',
        `client = Anthropic(base_url=${quoted(baseUrl)}, api_key=${quoted(KEY)})`,
        'answer = client.messages.create(',
        `    model=${quoted(model)},`,
        '    max_tokens=1024,',
        `    messages=[{"role": "user", "content": ${quoted(QUESTION)}}],`,
        ')',
        'print("".join(part.text for part in answer.content if part.type == "text"))',
      ),
    },
  ],
}

const anthropicJavascript: SnippetTool = {
  id: 'anthropic-js',
  title: 'Anthropic SDK (JavaScript)',
  group: 'Libraries',
  parts: ({ baseUrl, model }) => [
    { where: 'A terminal', language: 'sh', text: lines('npm install @anthropic-ai/sdk') },
    {
      where: 'hello.mjs',
      language: 'javascript',
      text: lines(
        "import Anthropic from '@anthropic-ai/sdk'",
        '',
        'const client = new Anthropic({',
        `  baseURL: ${quoted(baseUrl)},`,
        `  apiKey: ${quoted(KEY)},`,
        '})',
        'const answer = await client.messages.create({',
        `  model: ${quoted(model)},`,
        '  max_tokens: 1024,',
        `  messages: [{ role: 'user', content: ${quoted(QUESTION)} }],`,
        '})',
        `for (const part of answer.content) if (part.type === 'text') ${SAY}(part.text)`,
      ),
    },
  ],
}

const langchainPython: SnippetTool = {
  id: 'langchain-python',
  title: 'LangChain (Python)',
  group: 'Libraries',
  parts: ({ baseUrl, model }) => [
    { where: 'A terminal', language: 'sh', text: lines('pip install langchain-openai') },
    {
      where: 'hello.py',
      language: 'python',
      text: lines(
        'from langchain_openai import ChatOpenAI',
        '',
        'model = ChatOpenAI(',
        `    model=${quoted(model)},`,
        `    base_url=${quoted(`${baseUrl}/v1`)},`,
        `    api_key=${quoted(KEY)},`,
        ')',
        `print(model.invoke(${quoted(QUESTION)}).content)`,
      ),
    },
  ],
}

const langchainJavascript: SnippetTool = {
  id: 'langchain-js',
  title: 'LangChain (JavaScript)',
  group: 'Libraries',
  parts: ({ baseUrl, model }) => [
    {
      where: 'A terminal',
      language: 'sh',
      text: lines('npm install @langchain/openai @langchain/core'),
    },
    {
      where: 'hello.mjs',
      language: 'javascript',
      text: lines(
        "import { ChatOpenAI } from '@langchain/openai'",
        '',
        'const model = new ChatOpenAI({',
        `  model: ${quoted(model)},`,
        `  apiKey: ${quoted(KEY)},`,
        `  configuration: { baseURL: ${quoted(`${baseUrl}/v1`)} },`,
        '})',
        `${SAY}((await model.invoke(${quoted(QUESTION)})).content)`,
      ),
    },
  ],
}

const ollamaPython: SnippetTool = {
  id: 'ollama-python',
  title: 'Ollama client (Python)',
  group: 'Libraries',
  parts: ({ baseUrl, model }) => [
    { where: 'A terminal', language: 'sh', text: lines('pip install ollama') },
    {
      where: 'hello.py',
      language: 'python',
      text: lines(
        'from ollama import Client',
        '',
        `client = Client(host=${quoted(baseUrl)}, headers={"Authorization": ${quoted(`Bearer ${KEY}`)}})`,
        `answer = client.chat(model=${quoted(model)}, messages=[{"role": "user", "content": ${quoted(QUESTION)}}])`,
        'print(answer.message.content)',
      ),
    },
  ],
}

const ollamaJavascript: SnippetTool = {
  id: 'ollama-js',
  title: 'Ollama client (JavaScript)',
  group: 'Libraries',
  parts: ({ baseUrl, model }) => [
    { where: 'A terminal', language: 'sh', text: lines('npm install ollama') },
    {
      where: 'hello.mjs',
      language: 'javascript',
      text: lines(
        "import { Ollama } from 'ollama'",
        '',
        'const client = new Ollama({',
        `  host: ${quoted(baseUrl)},`,
        `  headers: { Authorization: ${quoted(`Bearer ${KEY}`)} },`,
        '})',
        'const answer = await client.chat({',
        `  model: ${quoted(model)},`,
        `  messages: [{ role: 'user', content: ${quoted(QUESTION)} }],`,
        '})',
        `${SAY}(answer.message.content)`,
      ),
    },
  ],
}

const ollamaProgram: SnippetTool = {
  id: 'ollama',
  title: 'Programs that want an Ollama address',
  group: 'Command line',
  note: 'For what can send no header: the key stands in the address.',
  parts: ({ baseUrl }) => [
    { where: 'The address of the Ollama server', language: 'text', text: `${baseUrl}/k/${KEY}` },
  ],
}

const geminiPython: SnippetTool = {
  id: 'gemini-python',
  title: 'Gemini SDK (Python)',
  group: 'Libraries',
  parts: ({ baseUrl, model }) => [
    { where: 'A terminal', language: 'sh', text: lines('pip install google-genai') },
    {
      where: 'hello.py',
      language: 'python',
      text: lines(
        'from google import genai',
        '',
        'client = genai.Client(',
        `    api_key=${quoted(KEY)},`,
        `    http_options={"base_url": ${quoted(baseUrl)}},`,
        ')',
        `answer = client.models.generate_content(model=${quoted(model)}, contents=${quoted(QUESTION)})`,
        'print(answer.text)',
      ),
    },
  ],
}

const geminiJavascript: SnippetTool = {
  id: 'gemini-js',
  title: 'Gemini SDK (JavaScript)',
  group: 'Libraries',
  parts: ({ baseUrl, model }) => [
    { where: 'A terminal', language: 'sh', text: lines('npm install @google/genai') },
    {
      where: 'hello.mjs',
      language: 'javascript',
      text: lines(
        "import { GoogleGenAI } from '@google/genai'",
        '',
        'const client = new GoogleGenAI({',
        `  apiKey: ${quoted(KEY)},`,
        `  httpOptions: { baseUrl: ${quoted(baseUrl)} },`,
        '})',
        'const answer = await client.models.generateContent({',
        `  model: ${quoted(model)},`,
        `  contents: ${quoted(QUESTION)},`,
        '})',
        `${SAY}(answer.text)`,
      ),
    },
  ],
}

const coherePython: SnippetTool = {
  id: 'cohere-python',
  title: 'Cohere SDK (Python)',
  group: 'Libraries',
  parts: ({ baseUrl, model }) => [
    { where: 'A terminal', language: 'sh', text: lines('pip install cohere') },
    {
      where: 'hello.py',
      language: 'python',
      text: lines(
        'import cohere',
        '',
        `client = cohere.ClientV2(api_key=${quoted(KEY)}, base_url=${quoted(baseUrl)})`,
        'answer = client.chat(',
        `    model=${quoted(model)},`,
        `    messages=[{"role": "user", "content": ${quoted(QUESTION)}}],`,
        ')',
        'print(answer.message.content[0].text)',
      ),
    },
  ],
}

const cohereJavascript: SnippetTool = {
  id: 'cohere-js',
  title: 'Cohere SDK (JavaScript)',
  group: 'Libraries',
  parts: ({ baseUrl, model }) => [
    { where: 'A terminal', language: 'sh', text: lines('npm install cohere-ai') },
    {
      where: 'hello.mjs',
      language: 'javascript',
      text: lines(
        "import { CohereClientV2 } from 'cohere-ai'",
        '',
        'const client = new CohereClientV2({',
        `  token: ${quoted(KEY)},`,
        `  environment: ${quoted(baseUrl)},`,
        '})',
        'const answer = await client.chat({',
        `  model: ${quoted(model)},`,
        `  messages: [{ role: 'user', content: ${quoted(QUESTION)} }],`,
        '})',
        `${SAY}(answer.message.content[0].text)`,
      ),
    },
  ],
}

/** In the order they are offered. */
export const LIBRARIES: readonly SnippetTool[] = [
  curl,
  ollamaProgram,
  openaiPython,
  openaiJavascript,
  anthropicPython,
  anthropicJavascript,
  langchainPython,
  langchainJavascript,
  ollamaPython,
  ollamaJavascript,
  geminiPython,
  geminiJavascript,
  coherePython,
  cohereJavascript,
]
