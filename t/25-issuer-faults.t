# What an issuer may do wrong, all at once: each fault an issuer and a location of its own on one worker. None is believed, none blocks, all heal.

use strict;
use warnings;
use lib 't/lib';
use Compress::Zlib ();
use Smart::Test;
use Time::HiRes qw(sleep time);

my $probe = issuer();    # for the keys' bytes
my $jwks  = $probe->jwks;
my $long  = sub { my ($n) = @_; return $jwks =~ s/\}$/',"x":"' . 'x' x $n . '"}'/er };
my $raw   = sub { my ($head, $body) = @_; return { raw => "HTTP/1.1 $head\r\nContent-Type: application/json\r\n$body" } };
my $chunk = sub { my ($body) = @_; return $raw->('200 OK', "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n" . sprintf("%x\r\n%s\r\n", length $body, $body) . "0\r\nX: y\r\nETag: \"z\"\r\n\r\n") };

# What both documents may be, in place of $good.
my $any = sub {
    my ($good) = @_;
    return (
        'slow headers'  => [{ delay => 4 }, 503],
        'slow body'     => [{ parts => [map { substr $good, $_ * 40, 40 } 0 .. 8], part_delay => 0.5, headers => ['Content-Length' => length $good] }, 503],
        'endless body'  => [$raw->('200 OK', "\r\n{" . ' ' x 400_000), 503],
        'too large'     => [{ body => $good =~ s/\}$/' ' x 300_000 . '}'/er }, 503],
        'too large, and says so' => [$raw->('200 OK', "Content-Length: 99999999\r\n\r\n{"), 503],
        'truncated'     => [{ truncate => 60 }, 503],
        'html'          => [{ headers => ['Content-Type' => 'text/html'], body => '<html><body>login</body></html>' }, 503],
        'gzip'          => [{ headers => ['Content-Encoding' => 'gzip'], body => Compress::Zlib::memGzip($good) }, 503],
        '204'           => [{ status => 204, body => '' }, 503],
        '206'           => [{ status => 206 }, 503],
        '301'           => [{ status => 301, headers => [Location => $probe->jwks_uri] }, 503],
        '304'           => [{ status => 304, body => '' }, 503],
        '401'           => [{ status => 401 }, 503],
        '500'           => [{ status => 500 }, 503],
        'empty'         => [{ body => '' }, 503],
        'an array'      => [{ body => "[$good]" }, 503],
        'twice'         => [{ body => "$good $good" }, 503],
        'no HTTP'       => [{ raw => "SSH-2.0-OpenSSH\r\n" }, 503],
        'reset'         => [{ drop => 1 }, 503],
        'header flood'  => [$raw->('200 OK', join('', map { "X-$_: " . 'y' x 900 . "\r\n" } 1 .. 120) . "\r\n$good"), 503],
        'another type'  => [{ headers => ['Content-Type' => 'text/plain'] }, 200],
        'chunked with trailers' => [$chunk->($good), 200],
        'after a 100'   => [{ raw => "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: " . length($good) . "\r\n\r\n$good" }, 200],
        'more than it says' => [$raw->('200 OK', 'Content-Length: ' . length($good) . "\r\n\r\n${good}more"), 200],
    );
};

my @cases;
{
    my %faults = $any->($jwks);
    push @cases, map { ["key set: $_", { answer => { jwks => $faults{$_}[0] } }, $faults{$_}[1]] } sort keys %faults;
}
my $rsa = Smart::Issuer::key('rsa');
my %sets = (
    'empty'                 => ['{"keys":[]}', 401],
    'keys is no array'      => ['{"keys":7}', 503],
    'no keys'               => ['{}', 503],
    'a duplicate member'    => ['{"keys":[],"keys":[]}', 503],
    'only symmetric keys'   => ['{"keys":[{"kty":"oct","kid":"rsa-key","k":"AAAA"}]}', 503],
    'private keys'          => [Smart::Issuer::encode({ keys => [{ %{ $rsa->export_key_jwk('private', 1) }, kid => 'rsa-key' }] }), 503],
    'two keys of one kid'   => [$probe->jwks($probe->jwk('rsa2', kid => 'rsa-key'), 'rsa'), 200],
    'bad ones among good'   => [$probe->jwks({ kty => 'oct', k => 'AA' }, { kty => 'RSA', n => '!', e => 'AQAB' }, { kty => 'EC', crv => 'P-256', x => 'AA', y => 'AA' }, {}, 'rsa'), 200],
    '64 keys'               => [$probe->jwks((map { $probe->jwk('p256', kid => "k$_") } 1 .. 63), 'rsa'), 200],
    '150 KB'                => [$long->(150_000), 200],
    'use enc'               => [$probe->jwks($probe->jwk('rsa', use => 'enc')), 503],
    'another algorithm'     => [$probe->jwks($probe->jwk('rsa', alg => 'RS512')), 401],
);
push @cases, map { ["key set: $_", { answer => { jwks => { body => $sets{$_}[0] } } }, $sets{$_}[1]] } sort keys %sets;

# In metadata the good text is each issuer's own.
push @cases, map { my $name = $_; ["metadata: $name", { both => sub { my %f = $any->($_[0]); return $f{$name} } }] } sort keys %{ { $any->(' ' x 400) } };
push @cases, map { ["metadata: $_->[0]", { metadata => $_->[1] }, 503] } (
    ['another issuer',          { issuer => 'https://other.example.org' }],
    ['no issuer',               { issuer => undef }],
    ['no jwks_uri',             { jwks_uri => undef }],
    ['a relative jwks_uri',     { jwks_uri => '/jwks' }],
    ['jwks_uri by http',        { jwks_uri => 'http://keys.example.org/jwks' }],
    ['jwks_uri with a user',    { jwks_uri => 'https://u@127.0.0.1/jwks' }],
    ['jwks_uri on loopback',    { jwks_uri => $probe->jwks_uri }],
    ['jwks_uri of a private network', { jwks_uri => 'https://10.1.2.3/jwks' }],
    ['jwks_uri of the cloud',   { jwks_uri => 'https://169.254.169.254/jwks' }],
    ['jwks_uri of another kind', { jwks_uri => 'file:///etc/passwd' }],
    ['jwks_uri no string',      { jwks_uri => ['x'] }],
);
push @cases, ['metadata: only by RFC 8414', { answer => { openid => { status => 404 } } }, 200],
    ['connection refused', { vanish => 1 }, 503];

cmp_ok(scalar(@cases), '>=', 40, scalar(@cases) . ' cases');

my (@issuers, $blocks, $locations);
for my $n (0 .. $#cases) {
    my ($name, $how) = @{ $cases[$n] };
    my $issuer = issuer(keys => ['rsa'], metadata => $how->{metadata} || {});

    if ($how->{both}) {
        my $fault = $how->{both}->(Smart::Issuer::encode($issuer->metadata));
        $how->{answer} = { openid => $fault->[0], oauth => $fault->[0] };
        $cases[$n][2] = $fault->[1];
    }
    $issuer->answer(%{ $how->{answer} }) if $how->{answer};
    $issuer->vanish if $how->{vanish};
    push @issuers, $issuer;
    $blocks    .= 'smart_issuer i' . $n . ' { uri ' . $issuer->uri . "; audience https://fhir.example.org/r4; timeout 1s; }\n";
    $locations .= "location /i$n { smart i$n; proxy_pass http://127.0.0.1:%%PORT2%%; }\n";
}

my $nginx = nginx(events => 'multi_accept on;', conf => <<"EOC");
    smart_zone zone=faults:8m;
    $blocks
    server {
        listen 127.0.0.1:%%PORT%%;
        location /open { return 204; }
        $locations
    }
    server {
        listen 127.0.0.1:%%PORT2%%;
        default_type application/fhir+json;
        location / { return 200 '{"resourceType":"Organization","id":"o1"}'; }
    }
EOC

sub status_of { my ($n) = @_; return $nginx->get("/i$n/Organization/o1", bearer => $issuers[$n]->token)->status }

# IPv6 only.
{
    my $port  = free_port();
    my $uri   = "http://[::1]:$port";
    my $six   = issuer(keys => ['rsa'], metadata => { issuer => $uri, jwks_uri => "$uri/jwks" });
    my $nginx = nginx(vars => { SIX => $port, URI => $uri, BEHIND => $six->origin }, conf => <<'EOC');
        smart_issuer six { uri %%URI%%; audience https://fhir.example.org/r4; }
        server { listen [::1]:%%SIX%%; location / { proxy_pass %%BEHIND%%; } }
        server { listen 127.0.0.1:%%PORT%%; location /r4 { smart six; proxy_pass http://127.0.0.1:%%PORT2%%; } }
        server { listen 127.0.0.1:%%PORT2%%; default_type application/fhir+json; location / { return 200 '{"resourceType":"Organization","id":"o1"}'; } }
EOC
    is($nginx->get('/r4/Organization/o1', bearer => $six->token(iss => $uri))->status, 200, 'IPv6 only') || diag $nginx->log;
}

# All at once; meanwhile somebody who has nothing to do with it.
my @clients = map { $nginx->client } @cases;
for my $n (0 .. $#cases) {
    my $token = $issuers[$n]->token;
    $clients[$n]->send("GET /i$n/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n\r\n");
}
my $worst = 0;
my $other = $nginx->client;
for (1 .. 60) {
    my $began = time;
    $other->get('/open')->status == 204 or fail('the other location answers');
    my $took = time - $began;
    $worst = $took if $took > $worst;
    sleep 0.03;
}
cmp_ok($worst, '<', 0.1, sprintf 'another location answers meanwhile, within %.1f ms', $worst * 1000);
for my $n (0 .. $#cases) {
    my $got = $clients[$n]->read(method => 'GET')->status;
    is($got, $cases[$n][2], $cases[$n][0]);
}

# All heal by themselves, but the one that is gone, and the empty set, which is good for its time.
my @sick = grep { $cases[$_][2] == 503 && !$cases[$_][1]{vanish} } 0 .. $#cases;
for my $n (@sick) {
    $issuers[$n]{metadata} = {};
    $issuers[$n]->answer(openid => undef, oauth => undef, jwks => undef);
}
my @left = @sick;
ok(wait_until(sub { @left = grep { status_of($_) != 200 } @left; !@left }, 20), 'all heal: ' . @sick)
    || diag(map { "$cases[$_][0]\n" } @left);
unlike($nginx->log, qr/stale global SSL error/, 'no error of TLS is left behind');
done_testing();
