import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { namedSchemas } from './schemas/all.ts';

interface Operation {
  readonly requestBody?: { required?: boolean };
}

const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 210 40" fill="none" stroke="#fff" stroke-width="3" stroke-linejoin="round">' +
  '<path d="M6 4h22M6 36h22M9 4c0 10 8 10 8 16s-8 6-8 16M25 4c0 10-8 10-8 16s8 6 8 16"/>' +
  '<text x="42" y="28" fill="#fff" stroke="none" font-family="sans-serif" font-size="24" font-weight="600">Sandglass</text></svg>';

/** Serves the OpenAPI 3.1 document of all routes that `app` is given from now on, and a page that shows it. */
export async function addOpenApi(app: FastifyInstance, options: { version: string }): Promise<void> {
  for (const schema of namedSchemas) app.addSchema(schema);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sandglass',
        version: options.version,
        description:
          'Self-hosted sandboxes with first-class snapshots. Times are epoch milliseconds; sizes are bytes unless the name says otherwise.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'sandboxes', description: 'Isolated running environments.' },
        { name: 'processes', description: 'What runs in a sandbox.' },
        { name: 'files', description: 'The files of a sandbox.' },
        { name: 'snapshots', description: 'Captures of a running sandbox, to be restored and forked.' },
        { name: 'executors', description: 'The hosts that sandboxes run on.' },
        { name: 'system', description: 'The server itself.' },
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        },
      },
      // The empty one: without configured keys none is needed.
      security: [{ bearer: [] }, { apiKey: [] }, {}],
    },
    // Without it the components are called def-0, def-1 …
    refResolver: { buildLocalReference: (json, _baseUri, _fragment, i) => (typeof json.$id === 'string' ? json.$id : `def-${i}`) },
    transformObject: (document) => {
      const openapi = 'openapiObject' in document ? document.openapiObject : document.swaggerObject;
      // No body counts as `{}`, and then each field that is missing is named; the generator says that all are required.
      for (const path of Object.values(openapi.paths ?? {})) {
        for (const { requestBody } of Object.values(path ?? {}) as Operation[]) if (requestBody !== undefined) requestBody.required = false;
      }
      return openapi;
    },
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    uiConfig: { deepLinking: true },
    logo: { type: 'image/svg+xml', content: Buffer.from(LOGO), href: '/docs', target: '_self' },
    theme: { title: 'Sandglass API' },
  });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}
