# Introspection (RFC 7662): opaque tokens, or all; who asks, how often, what is believed, and what happens when nobody answers.

use strict;
use warnings;
use lib 't/lib';
use Crypt::JWT ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Smart::Test;
use Time::HiRes qw(sleep time);

my $audience = 'https://fhir.example.org/r4';
my $up = upstream(
    qr{^GET /fhir/(?:Organization|Patient|Observation)} => sub {
        my ($type, $id) = $_[0]->path =~ m{/(\w+)/(\w+)$};
        return { json => { resourceType => $type, id => $id } };
    });

sub run {
    my ($issuer, $entries, %more) = @_;

    return nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, %more,
        files => { secret => "s3cret\n", 'rsa.pem' => pem('rsa'), 'p384.pem' => pem('p384') }, conf => <<"EOC");
        smart_issuer hospital { uri %%ISSUER%%; audience $audience; $entries }
        server {
            listen 127.0.0.1:%%PORT%%;
            location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
            location /open { return 204; }
        }
EOC
}

sub pem { return Smart::Issuer::key($_[0])->export_key_pem('private') }

# What the server says about a token: the answer for it in %$said, else inactive.
sub says {
    my ($issuer, $said, %how) = @_;

    $issuer->{answers}{introspect} = undef;
    $issuer->{introspect} = sub {
        my ($request) = @_;
        my ($token) = $request->body =~ /(?:^|&)token=([^&]*)/;

        $token =~ s/%([0-9A-F]{2})/chr hex $1/ge;
        my $answer = exists $said->{$token} ? $said->{$token} : { active => JSON::PP::false };
        return ref $answer eq 'HASH' && exists $answer->{status} ? $answer
            : { headers => ['Content-Type' => 'application/json'], %how, ref $answer ? (json => $answer) : (body => $answer) };
    };
    return $issuer->serve;
}

sub good { return { active => JSON::PP::true, scope => 'system/*.rs', client_id => 'app', exp => time + 300, @_ } }

sub ask { my ($nginx, $token, $path) = @_; return $nginx->get($path || '/r4/Organization/o1', bearer => $token) }
sub calls { return grep { $_->target =~ m{/introspect$} } $_[0]->requests }

# --- who asks, and how

my %auth = (
    'basic app %%PREFIX%%/secret' => sub { is(decode_base64($_[0]->header('Authorization') =~ s/^Basic //r), 'app:s3cret', 'basic') },
    'bearer %%PREFIX%%/secret'    => sub { is($_[0]->header('Authorization'), 'Bearer s3cret', 'bearer') },
    map({
        my ($key, $alg) = @$_;
        ("private_key_jwt app %%PREFIX%%/$key.pem $alg kid=k1" => sub {
            my ($request, $issuer) = @_;
            my ($assertion) = $request->body =~ /&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=([\w.-]+)$/;
            my ($header, $claims) = Crypt::JWT::decode_jwt(token => $assertion, key => Smart::Issuer::key($key), decode_header => 1);
            is("@$header{qw(alg kid)}", "$alg k1", "$alg header");
            is("@$claims{qw(iss sub aud)}", 'app app ' . $issuer->uri, "$alg who and for whom");
            cmp_ok($claims->{exp} - time, '<=', 60, "$alg for a minute");
            is($request->header('Authorization'), undef, "$alg and no header");
            return $claims->{jti};
        }) } ['rsa', 'RS384'], ['p384', 'ES384']),
);
for my $auth (sort keys %auth) {
    my $issuer = says(issuer(), { 'opaque+1/~' => good(), two => good() });
    my $nginx  = run($issuer, "introspection_auth $auth;");

    is(ask($nginx, 'opaque+1/~')->status, 200, "$auth: an opaque token") or diag $nginx->log;
    is(ask($nginx, 'two')->status, 200, "$auth: another");
    is(ask($nginx, 'nobody')->status, 401, "$auth: one that is not active");
    my ($first, $second) = calls($issuer);
    like($first->body, qr/^token=opaque%2B1%2F~&token_type_hint=access_token/, 'the token is asked about');
    is($first->header('Content-Type'), 'application/x-www-form-urlencoded', 'as a form');
    is($first->method, 'POST', 'by POST');
    is($first->header('Expect'), undef, 'without waiting for leave');
    my ($one, $two) = map { $auth{$auth}->($_, $issuer) } $first, $second;
    isnt($one, $two, 'each assertion is its own') if $auth =~ /private/;
    is(ask($nginx, $issuer->token)->status, 200, 'a JWT is verified here');
    is(scalar(calls($issuer)), 3, 'and nobody is asked about it');
}

# --- what is believed

{
    my %said = (
        launch => good(scope => 'patient/*.rs', patient => 'p1', encounter => 'e1', intent => 'order', tenant => 't1', need_patient_banner => JSON::PP::false,
            fhirContext => [{ reference => 'ImagingStudy/i1' }], sub => 'u1', iss => undef),
        mapped     => good(scope => ['system/*.rs']),
        'wrong-iss' => good(iss => 'https://other.example.org'),
        'wrong-aud' => good(aud => 'https://other.example.org'),
        'right-aud' => good(aud => [$audience]),
        expired    => good(exp => time - 100),
        'no-exp'   => { active => JSON::PP::true, scope => 'system/*.rs' },
        refresh    => good(token_type => 'refresh_token'),
        bound      => good(cnf => { jkt => 'x' }),
        'no-scope' => good(scope => undef),
        html       => '<html>', twice => '{"active":false,"active":true,"exp":9999999999,"scope":"system/*.rs"}',
        string     => good(active => 'true'), error => { status => 500, body => '{}' }, unauthorized => { status => 401, body => '{}' },
        redirect   => { status => 302, headers => [Location => 'http://127.0.0.1:1/'], body => '' }, empty => { status => 204 },
        dropped    => { status => 200, drop => 1 },
    );
    delete $said{launch}{iss};
    delete $said{'no-scope'}{scope};
    my $issuer = says(issuer(), \%said);
    my $nginx  = run($issuer, 'introspection_auth basic app %%PREFIX%%/secret;');
    my %status = (launch => 200, mapped => 200, 'wrong-iss' => 401, 'wrong-aud' => 401, 'right-aud' => 200, expired => 401, 'no-exp' => 401, refresh => 401,
        bound => 401, 'no-scope' => 403, html => 503, twice => 503, string => 503, error => 503, unauthorized => 503, redirect => 503, empty => 503, dropped => 503);

    is(ask($nginx, $_)->status, $status{$_}, "answer: $_ (J g10_token_introspection, smart_token_introspection_response)") for sort keys %status;
    $up->clear;
    is(ask($nginx, 'launch', '/r4/Patient/p1')->status, 200, 'launch context: own patient');
    my ($sent) = $up->wait_requests(1);
    is(join(' ', map { $sent->header("X-SMART-$_") // '-' } qw(Patient Encounter Intent Tenant Need-Patient-Banner Client-ID Subject)),
        'p1 e1 order t1 false app u1', 'launch context: headers');
    is($sent->header('Authorization'), undef, 'launch context: the token stays here');
    my $r = ask($nginx, 'error');
    outcome_is($r, 503, 'transient', 'no answer');
    ok($r->header('Retry-After'), 'no answer: when to come back');
    like($nginx->log, qr/no introspection from ".*introspect"/, 'no answer: is said in the log');
    unlike($nginx->log, qr/wrong-iss|s3cret/, 'no token and no secret is');
    is(ask($nginx, 'a.b')->status, 401, 'neither opaque nor a JWT, and unknown');
    is(ask($nginx, 'a.b.c')->status, 401, 'two dots: a JWT, and none that is');
}

# --- how often: once for all, in all workers; forgotten in time

{
    my %said   = (map { $_ => good() } 'a' .. 'z');
    my $issuer = says(issuer(), \%said, delay => 0.4);
    my $nginx  = run($issuer, 'introspection_auth basic app %%PREFIX%%/secret; introspection_cache 2s;', workers => 2);
    my @clients = map { $nginx->client } 1 .. 40;

    $_->send("GET /r4/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\n\r\n") for @clients;
    is($nginx->get('/open')->status, 204, 'others do not wait');
    is(join(' ', map { $_->read(method => 'GET')->status } @clients), join(' ', (200) x 40), 'all who waited for one token');
    is(scalar(calls($issuer)), 1, 'by one call');
    is(ask($nginx, 'a', '/r4/Patient/p1')->status, 200, 'again') for 1 .. 6;
    is(scalar(calls($issuer)), 1, 'asks nobody');
    $said{a} = { active => JSON::PP::false };
    says($issuer, \%said);
    my $began = time;
    ok(wait_until(sub { ask($nginx, 'a', '/r4/Patient/p1')->status == 401 }, 6), 'revoked: refused (J g10_token_revocation)');
    cmp_ok(time - $began, '<', 2.5, 'within the cache time');
}

# --- a bound on calls: the line moves on

{
    my %said    = (map { ("t$_" => good()) } 1 .. 24);
    my $issuer  = says(issuer(), \%said, delay => 0.1);
    my $nginx   = run($issuer, 'introspection_auth basic app %%PREFIX%%/secret; introspection_max 4;');
    my @clients = map { $nginx->client } 1 .. 24;

    is($nginx->get('/r4/metadata')->status, 404, 'up');
    for my $n (1 .. 24) {
        $clients[$n - 1]->send("GET /r4/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t$n\r\n\r\n");
    }
    is(join(' ', map { $_->read(method => 'GET')->status } @clients), join(' ', (200) x 24), 'none is lost');
    is(scalar(calls($issuer)), 24, 'each was asked about once');
}

# --- hanging, gone, back

{
    my $issuer = says(issuer(), { map { ("h$_" => good()) } 1 .. 9 });
    my $nginx  = run($issuer, 'introspection_auth basic app %%PREFIX%%/secret; timeout 700ms;');

    is(ask($nginx, 'h1')->status, 200, 'good');
    says($issuer, {}, delay => 5);
    my $began = time;
    is(ask($nginx, 'h2')->status, 503, 'hanging: 503');
    cmp_ok(time - $began, '<', 1.2, 'within the timeout');
    is(ask($nginx, 'h1')->status, 200, 'what is known stays good');
    says($issuer, { map { ("h$_" => good()) } 1 .. 9 });
    sleep 1.1;
    is(ask($nginx, 'h2')->status, 200, 'back at once');
}

# --- a worker that is killed while it asks

{
    my $issuer = says(issuer(), { k => good() }, delay => 2);
    my $nginx  = run($issuer, 'introspection_auth basic app %%PREFIX%%/secret;', allow => [qr/exited on signal 9/]);
    my $client = $nginx->client;

    is(ask($nginx, $issuer->token)->status, 200, 'up');
    $client->send("GET /r4/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n\r\n");
    ok(wait_until(sub { calls($issuer) == 1 }, 5), 'it asks');
    kill 'KILL', $nginx->workers;
    says($issuer, { k => good() });
    ok(wait_until(sub { ask($nginx, 'k')->status == 200 }, 4), 'another one does');
}

# --- always: a JWT is verified, then asked about

{
    my $issuer = issuer();
    my $good   = $issuer->token(scope => 'system/*.rs');
    my $bad    = $good =~ s/.{8}$/AAAAAAAA/r;

    says($issuer, { $good => good(), $bad => good(), opaque => good() });
    my $nginx = run($issuer, 'introspection always; introspection_cache 1s; introspection_auth basic app %%PREFIX%%/secret;');
    is(ask($nginx, $bad)->status, 401, 'a bad signature');
    is(scalar(calls($issuer)), 0, 'is asked about by nobody');
    is(ask($nginx, $good)->status, 200, 'a good one, and active');
    is(ask($nginx, $issuer->token)->status, 401, 'a good one that is not active');
    is(ask($nginx, 'opaque')->status, 200, 'opaque ones, too');
    says($issuer, {});
    ok(wait_until(sub { ask($nginx, $good)->status == 401 }, 4), 'revoked: refused');
}

# --- the endpoint: configured, though there are no keys; discovered, though jwks_uri is configured; nowhere

{
    my $issuer = says(issuer(), { x => good() });
    my $nginx  = run($issuer, 'discovery off; introspection_uri %%ISSUER%%/introspect; introspection_auth basic app %%PREFIX%%/secret;');

    is(ask($nginx, 'x')->status, 200, 'configured, without keys');
    is(ask($nginx, $issuer->token)->status, 401, 'no JWT can be good then');
    is($issuer->gets('openid') + $issuer->gets('jwks'), 0, 'and nothing is fetched');
    $nginx = run($issuer, 'jwks_uri %%ISSUER%%/jwks; introspection_auth basic app %%PREFIX%%/secret;');
    is(ask($nginx, 'x')->status, 200, 'discovered beside a configured jwks_uri');
    is(ask($nginx, $issuer->token)->status, 200, 'which is used');
    $issuer->{metadata} = { introspection_endpoint => undef };
    $issuer->serve;
    $nginx = run($issuer, 'introspection_auth basic app %%PREFIX%%/secret;');
    is(ask($nginx, 'x')->status, 503, 'nowhere: nobody can say');
    is(ask($nginx, $issuer->token)->status, 200, 'JWTs are not touched by that');
    $nginx = run(issuer(), '');
    is(ask($nginx, 'x')->status, 401, 'without introspection an opaque token is none');
}

# --- a key that changes

{
    my $issuer = says(issuer(), { map { $_ => good() } 'a' .. 'z' });
    my $nginx  = run($issuer, 'introspection_auth private_key_jwt app %%PREFIX%%/rsa.pem RS384;');
    my $signed = sub {
        my ($by) = @_;
        my ($assertion) = (calls($issuer))[-1]->body =~ /&client_assertion=([\w.-]+)$/;
        return eval { Crypt::JWT::decode_jwt(token => $assertion, key => Smart::Issuer::key($by)); 1 } ? 'yes' : 'no';
    };

    is(ask($nginx, 'a')->status, 200, 'with the first key');
    is($signed->('rsa') . $signed->('rsa2'), 'yesno', 'it signs');
    spew($nginx->prefix . '/rsa.pem', pem('rsa2'));
    sleep 2.1;
    is(ask($nginx, 'b')->status, 200, 'with another key in the file');
    is($signed->('rsa') . $signed->('rsa2'), 'noyes', 'that signs, without a reload');
    spew($nginx->prefix . '/rsa.pem', pem('p384'));
    sleep 2.1;
    is(ask($nginx, 'c')->status, 200, 'a key of another type is none');
    is($signed->('rsa2'), 'yes', '... and the one before stays');
    like($nginx->log, qr/rsa\.pem/, '... which the log says');
}

# --- a secret that changes

{
    my $issuer = says(issuer(), { map { ("s$_" => good()) } 1 .. 3 });
    my $nginx  = run($issuer, 'introspection_auth bearer %%PREFIX%%/secret;');

    is(ask($nginx, 's1')->status, 200, 'the first secret');
    spew($nginx->prefix . '/secret', "an0ther\n");
    sleep 1.1;
    is(ask($nginx, 's2')->status, 200, 'another');
    is((calls($issuer))[-1]->header('Authorization'), 'Bearer an0ther', 'is read when it changes');
    spew($nginx->prefix . '/secret', "b\nad\n");
    sleep 1.1;
    is(ask($nginx, 's3')->status, 200, 'one that cannot be used');
    is((calls($issuer))[-1]->header('Authorization'), 'Bearer an0ther', 'is not');
    like($nginx->log, qr/has changed and is not one line/, 'and the log says so');
}

done_testing();
