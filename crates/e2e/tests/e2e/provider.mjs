// A real OpenID provider (npm `oidc-provider`), and a person who signs in to it with a password and a one-time code.
//
//   node provider.mjs serve MODULE PORT AUDIENCE   prints its issuer once it listens; POST /rotate makes a new key
//   node provider.mjs login ISSUER AUDIENCE [otp]  prints an access token

import { createHash, createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import http from 'node:http';

const CLIENT = 'web';
const SECRET = 'not-a-secret-of-anybody';
const RETURN = 'https://web.example.com/return';
const PASSWORD = 'correct horse';
const SEED = Buffer.from('12345678901234567890');
const MFA = 'urn:example:mfa';

// RFC 6238 with SHA-1, six digits and 30 s.
function code(time) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(time / 30)));
  const hash = createHmac('sha1', SEED).update(counter).digest();
  const at = hash[19] & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
}

function isCode(text) {
  const now = Date.now() / 1000;
  return [now - 30, now, now + 30].some((time) => code(time) === text);
}

function key(kid) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' };
}

function configuration(audience, keys) {
  return {
    clients: [{
      client_id: CLIENT,
      client_secret: SECRET,
      redirect_uris: [RETURN],
      grant_types: ['authorization_code', 'client_credentials'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    }],
    jwks: { keys },
    claims: { openid: ['sub', 'acr', 'amr', 'auth_time'] },
    acrValues: [MFA],
    cookies: { keys: ['a test'] },
    interactions: { url: (context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    async loadExistingGrant(context) {
      const grant = new context.oidc.provider.Grant({
        clientId: context.oidc.client.clientId,
        accountId: context.oidc.session.accountId,
      });
      grant.addOIDCScope('openid');
      grant.addResourceScope(audience, 'orders');
      await grant.save();
      return grant;
    },
    // What RFC 9068 section 2.2.1 wants to be said of the sign-in.
    extraTokenClaims(context) {
      const signedIn = context.oidc.entities.AuthorizationCode;
      return signedIn && { acr: signedIn.acr, amr: signedIn.amr, auth_time: signedIn.authTime };
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'orders',
          audience,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  };
}

async function form(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return new URLSearchParams(text);
}

async function signIn(provider, request, response) {
  const fields = await form(request);
  if (fields.get('password') !== PASSWORD) {
    response.writeHead(401).end();
    return;
  }
  const several = fields.has('otp');
  if (several && !isCode(fields.get('otp'))) {
    response.writeHead(401).end();
    return;
  }
  const login = several
    ? { accountId: 'ann', acr: MFA, amr: ['pwd', 'otp'] }
    : { accountId: 'ann', amr: ['pwd'] };
  await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
}

async function serve(module, port, audience) {
  const { Provider } = await import(module);
  let issuer;
  let keys = [key('key-1')];
  let provider;
  const handle = async (request, response) => {
    if (request.method === 'POST' && request.url === '/rotate') {
      keys = [key(`key-${keys.length + 1}`), ...keys];
      provider = new Provider(issuer, configuration(audience, keys));
      response.end();
    } else if (request.method === 'POST' && request.url.startsWith('/interaction/')) {
      await signIn(provider, request, response);
    } else {
      provider.callback()(request, response);
    }
  };
  const server = http.createServer((request, response) => {
    handle(request, response).catch((error) => {
      console.error(error);
      response.writeHead(500).end();
    });
  });
  server.listen(Number(port), '127.0.0.1', () => {
    issuer = `http://127.0.0.1:${server.address().port}`;
    provider = new Provider(issuer, configuration(audience, keys));
    console.log(issuer);
  });
}

// A browser as far as it is needed: cookies, and redirects that are followed by hand.
class Browser {
  cookies = new Map();

  async ask(address, options = {}) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...options.headers, cookie };
    const response = await fetch(address, { ...options, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [name, ...value] = line.split(';')[0].split('=');
      this.cookies.set(name, value.join('='));
    }
    const next = response.headers.get('location');
    if (400 <= response.status) throw new Error(`${response.status} at ${address}: ${await response.text()}`);
    return { status: response.status, next: next && new URL(next, address).href, response };
  }
}

async function login(issuer, audience, otp) {
  const browser = new Browser();
  const verifier = randomBytes(32).toString('base64url');
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const asked = new URLSearchParams({
    client_id: CLIENT,
    response_type: 'code',
    scope: 'openid orders',
    redirect_uri: RETURN,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    resource: audience,
  });
  let step = await browser.ask(`${issuer}/auth?${asked}`);
  const fields = new URLSearchParams({ password: PASSWORD });
  if (otp) fields.set('otp', code(Date.now() / 1000));
  step = await browser.ask(step.next, { method: 'POST', body: fields });
  while (step.next && !step.next.startsWith(RETURN)) step = await browser.ask(step.next);
  const granted = new URL(step.next).searchParams;
  if (!granted.has('code')) throw new Error(`no code: ${granted}`);
  const answer = await browser.ask(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${CLIENT}:${SECRET}`).toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: granted.get('code'),
      redirect_uri: RETURN,
      code_verifier: verifier,
    }),
  });
  const body = await answer.response.json();
  if (!body.access_token) throw new Error(JSON.stringify(body));
  console.log(body.access_token);
}

const [mode, ...rest] = process.argv.slice(2);
await (mode === 'serve' ? serve(...rest) : login(...rest));
