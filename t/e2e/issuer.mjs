/* See issuer.t. */

import http from 'node:http';
import { authorizeApp, authorizeService } from '../../demo/apps.mjs';
import { startIssuer } from '../../demo/issuer.mjs';
import { outcomeOf, tap } from './tap.mjs';

const USERS = { ada: { fhirUser: 'Patient/ada' }, doc: { fhirUser: 'Practitioner/doc' } };

const part = (token, i) => JSON.parse(Buffer.from(token.split('.')[i], 'base64url'));

async function patientApp(t, base, issuer) {
  const scope = 'openid fhirUser launch/patient patient/Observation.rs?category=http://a.example/b|c,d patient/*.read system/*.rs';
  const response = await authorizeApp(base, issuer.clients.patientApp, { user: 'ada', scope });
  const [header, claims] = [part(response.access_token, 0), part(response.access_token, 1)];
  t.is([header.typ, header.alg], ['at+jwt', 'RS256'], 'a patient app gets a JWT access token, RS256');
  t.is([claims.iss, claims.aud, claims.sub, claims.client_id], [issuer.uri, base, 'ada', 'patient-app'], 'with the claims of RFC 9068');
  t.is(claims.scope, 'patient/Observation.rs?category=http://a.example/b|c,d patient/*.read', 'and the granted scopes, letter by letter');
  t.is([claims.patient, claims.fhirUser], ['ada', `${base}/Patient/ada`], 'and the launch context');
  t.is(response.patient, 'ada', 'which is in the token response, too');
  t.is(part(response.id_token, 1).fhirUser, `${base}/Patient/ada`, 'the ID token says who the user is');
}

async function clinicianApp(t, base, issuer) {
  const launch = issuer.launch({ patient: 'bruno', encounter: 'e1' });
  const app = issuer.clients.clinicianApp;
  const response = await authorizeApp(base, app, { user: 'doc', scope: 'openid fhirUser launch user/*.rs', launch });
  t.is(part(response.access_token, 0).alg, 'ES384', 'a clinician app gets ES384');
  t.is([response.patient, response.encounter], ['bruno', 'e1'], 'an EHR launch brings its context');
  const bare = await authorizeApp(base, app, { user: 'doc', scope: 'openid user/*.rs' });
  t.is([bare.patient, bare.scope], [undefined, 'user/*.rs'], 'without a launch there is none');
}

async function service(t, base, issuer) {
  for (const alg of ['ES384', 'RS384']) {
    const response = await authorizeService(base, issuer.clients.backend, { scope: 'system/*.rs patient/*.rs', alg });
    t.is([response.scope, response.expires_in], ['system/*.rs', 300], `an assertion by ${alg} gets a token, for system/ and five minutes`);
  }
  const stranger = { ...issuer.clients.backend, keys: [{ ...issuer.clients.backend.keys[0], privateKey: issuer.keys.ES384.privateKey }] };
  t.like((await outcomeOf(authorizeService(base, stranger, { scope: 'system/*.rs' }))).status, /401/, 'one by another key does not');
}

async function refusals(t, base, issuer) {
  const authorize = async (changes) => {
    const query = new URLSearchParams({
      response_type: 'code', client_id: 'patient-app', redirect_uri: issuer.clients.patientApp.redirectUri,
      scope: 'openid', aud: base, code_challenge: 'x'.repeat(43), code_challenge_method: 'S256', ...changes,
    });
    const response = await fetch(`${issuer.uri}/auth?${query}`, { redirect: 'manual' });
    return response.headers.get('location');
  };
  t.like(await authorize({}), /^\/interaction\/|\/interaction\//, 'a request is taken to the login page');
  t.like(await authorize({ aud: 'https://elsewhere.example/fhir' }), /error=invalid_request/, 'one for another FHIR server is not');
  t.like(await authorize({ code_challenge: '', code_challenge_method: '' }), /error=invalid_request/, 'nor one without PKCE');
}

async function documents(t, issuer) {
  for (const name of ['openid-configuration', 'oauth-authorization-server']) {
    const metadata = await (await fetch(`${issuer.uri}/.well-known/${name}`)).json();
    t.is([metadata.issuer, metadata.jwks_uri], [issuer.uri, `${issuer.uri}/jwks`], `${name} names the issuer and its keys`);
  }
  const { keys } = await (await fetch(`${issuer.uri}/jwks`)).json();
  t.is(keys.map((key) => key.alg).sort(), ['ES384', 'RS256'], 'which are an RSA and an EC key');
  t.ok(keys.every((key) => !('d' in key)), 'without their secrets');
}

process.exit(await tap(async (t) => {
  const fhir = http.createServer((req, res) => res.end(JSON.stringify(issuer.smartConfiguration)));
  await new Promise((resolve) => { fhir.listen(0, '127.0.0.1', resolve); });
  const base = `http://127.0.0.1:${fhir.address().port}/fhir`;
  const issuer = await startIssuer({ audience: base, users: USERS, patients: ['ada', 'bruno'] });
  await patientApp(t, base, issuer);
  await clinicianApp(t, base, issuer);
  await service(t, base, issuer);
  await refusals(t, base, issuer);
  await documents(t, issuer);
  await issuer.close();
  fhir.close();
}));
