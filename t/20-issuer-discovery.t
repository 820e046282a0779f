# Where keys come from, and which documents and URLs are refused.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $up = upstream('GET /fhir/Organization/o1' =>
        { json => { resourceType => 'Organization', id => 'o1' } });

sub run {
    my ($issuer, $entries, %more) = @_;

    return nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri, ORIGIN => $issuer->origin },
        %more, conf => <<"EOC");
        smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; $entries }
        server {
            listen 127.0.0.1:%%PORT%%;
            location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        }
EOC
}

sub works {
    my ($issuer, $entries, $fetched, $name) = @_;
    my $nginx = run($issuer, $entries);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($nginx->get('/r4/Organization/o1', bearer => $issuer->token)->status, 200, $name) || diag $nginx->log;
    is(join(' ', map { "$_=" . $issuer->gets($_) } qw(openid oauth smart jwks)), $fetched, "$name: what was fetched");
}

sub fails {
    my ($issuer, $entries, $log, $name) = @_;
    my $nginx = run($issuer, $entries);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($nginx->get('/r4/Organization/o1', bearer => $issuer->token)->status, 503, $name);
    like($nginx->log, $log, "$name: and the log says why");
    return $issuer;
}

# --- kinds

works(issuer(), '', 'openid=1 oauth=0 smart=0 jwks=1', 'OpenID by default');
works(issuer(path => '/realms/x'), '', 'openid=1 oauth=0 smart=0 jwks=1', 'OpenID with a path');
works(issuer(path => '/realms/x/'), '', 'openid=1 oauth=0 smart=0 jwks=1', 'and a slash')
    if 0;
works(issuer(path => '/t1')->answer(openid => { status => 404 }), '', 'openid=1 oauth=1 smart=0 jwks=1',
    'RFC 8414 when there is no OpenID');
works(issuer(path => '/t1'), 'discovery oauth;', 'openid=0 oauth=1 smart=0 jwks=1', 'RFC 8414');
works(issuer(), 'discovery smart %%ORIGIN%%;', 'openid=0 oauth=0 smart=1 jwks=1', 'SMART');
works(issuer(), 'jwks_uri %%ORIGIN%%/jwks;', 'openid=0 oauth=0 smart=0 jwks=1', 'jwks_uri');
works(issuer(), 'discovery off; jwks_uri %%ORIGIN%%/jwks;', 'openid=0 oauth=0 smart=0 jwks=1', 'jwks_uri without discovery');

# --- metadata that is refused

my %bad = (
    'another issuer' => { issuer => 'https://else.example' },
    'no issuer'      => { issuer => undef },
    'a slash more'   => { issuer => 'X' },
);
for my $name (sort keys %bad) {
    my $issuer = issuer();

    $issuer->{metadata} = { %{ $bad{$name} } };
    $issuer->{metadata}{issuer} = $issuer->uri . '/' if $name eq 'a slash more';
    $issuer->serve;
    fails($issuer, '', qr/document_issuer/, $name);
    is($issuer->gets('jwks'), 0, "$name: its keys are not fetched");
}

my %urls = (
    'no jwks_uri'          => [undef, qr/document_no_jwks/],
    'a relative one'       => ['/jwks', qr/document_url/],
    'a file'               => ['file:///etc/passwd', qr/document_url/],
    'with a user'          => ['https://u:p@fhir.example.org/jwks', qr/document_url/],
    'plain http elsewhere' => ['http://127.0.0.1:9/jwks', qr/may be fetched/],
    'loopback by https'    => ['https://127.0.0.1:9/jwks', qr/private_addresses/],
    'cloud metadata'       => ['https://169.254.169.254/jwks', qr/private_addresses/],
    'a private network'    => ['https://[fd00::1]/jwks', qr/private_addresses/],
);
for my $name (sort keys %urls) {
    my ($url, $log) = @{ $urls{$name} };

    fails(issuer(metadata => { jwks_uri => $url }), '', $log, "jwks_uri: $name");
}

# --- answers that are refused

my %answers = (
    'a redirect'        => [{ status => 302, headers => [Location => '/elsewhere'] }, qr/status 302/],
    'a part'            => [{ status => 206 }, qr/status 206/],
    'nothing'           => [{ status => 204, body => '' }, qr/status 204/],
    'too large'         => [{ body => '{"keys":[], "x":"' . 'x' x 3000 . '"}' }, qr/max_size/],
    'too large, chunks' => [{ body => '{"keys":[], "x":"' . 'x' x 3000 . '"}', chunked => 1 }, qr/max_size/],
    'cut short'         => [{ truncate => 100 }, qr/no key set/],
    'strange keys only' => [{ body => '{"keys":[{"kty":"oct","k":"AAAA"}]}' }, qr/document_no_keys/],
    'duplicate keys'    => [{ body => '{"keys":[],"keys":[]}' }, qr/document_syntax/],
    'nonsense'          => [{ raw => "x\r\n\r\n" }, qr/no key set/],
    'gzip'              => [{ body => "\x1f\x8b\x08\x00", headers => ['Content-Encoding' => 'gzip'] }, qr/document_syntax/],
);
for my $name (sort keys %answers) {
    my ($answer, $log) = @{ $answers{$name} };

    fails(issuer(keys => ['p256'])->answer(jwks => $answer), 'max_size 2k;', $log, $name);
}
works(issuer(keys => ['rsa'])->answer(jwks => { chunked => 1 }), 'max_size 2k;', 'openid=1 oauth=0 smart=0 jwks=1', 'chunks that fit');

# --- the environment's proxy is not ours

{
    my $issuer = issuer();
    my $nginx  = run($issuer, '', env => { http_proxy => 'http://127.0.0.1:9', ALL_PROXY => 'http://127.0.0.1:9' },
        main => 'env http_proxy; env ALL_PROXY;');

    is($nginx->get('/r4/Organization/o1', bearer => $issuer->token)->status, 200, 'environment proxies are not used');
}

# --- a file, reread when it changes

{
    my $issuer = issuer(keys => ['rsa']);
    my $nginx  = run($issuer, 'discovery off; jwks_file %%PREFIX%%/keys.json;', files => { 'keys.json' => $issuer->jwks('rsa') });
    my $status = sub { $nginx->get('/r4/Organization/o1', bearer => $issuer->token(key => $_[0]))->status };

    is($status->('rsa'), 200, 'a key from a file');
    is($status->('p256'), 401, 'another key');
    spew($nginx->prefix . '/keys.json', $issuer->jwks('p256'));
    ok(wait_until(sub { $status->('p256') == 200 }, 4), 'the file has changed: a new key');
    is($status->('rsa'), 401, 'and the old one is gone');
    spew($nginx->prefix . '/keys.json', '{"keys":[');
    ok($nginx->wait_log(qr/holds no usable keys/, 4), 'a broken file is seen');
    is($status->('p256'), 200, 'and changes nothing');
    unlink $nginx->prefix . '/keys.json';
    ok($nginx->wait_log(qr/cannot be read/, 4), 'a lost file is seen');
    is($status->('p256'), 200, 'and changes nothing');
    spew($nginx->prefix . '/keys.json', $issuer->jwks('rsa'));
    ok(wait_until(sub { $status->('rsa') == 200 }, 4), 'a good one is taken up');
    is($issuer->gets('jwks') + $issuer->gets('openid'), 0, 'nobody was asked');
}

done_testing();
