# Request bodies that are judged, on every way into nginx: what the upstream receives, byte for byte, and what it never does
# (RULES D10, L13, L15, L26).

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $busy   = upstream(qr{.} => { status => 503, body => 'busy' });

sub observation { my ($id, $patient) = @_; return { resourceType => 'Observation', id => $id, subject => { reference => "Patient/$patient" } } }
sub stored { return { json => $_[0], headers => [ ETag => 'W/"7"', 'Content-Type' => 'application/fhir+json' ] } }

my @answers = (
    'GET /fhir/Observation/own'     => stored(observation('own', 'p1')),
    'GET /fhir/Observation/foreign' => stored(observation('foreign', 'p2')),
    'GET /fhir/Observation'         => { json => { resourceType => 'Bundle', type => 'searchset', entry => [ { resource => observation('own', 'p1') } ] } },
    'POST /fhir'                    => sub {
        my ($request) = @_;
        return { json => { resourceType => 'Bundle', type => 'batch-response', entry => [ map { { response => { status => '201' } } } @{ $request->json->{entry} } ] } };
    },
    qr{^(?:POST|PUT|PATCH) }        => { status => 201 },
);
my $up = upstream(@answers);
# locations: all in memory; a file that is copied; one that is looked at where it lies; ...
my %locations = (
    memory  => 'client_body_buffer_size 16m;',
    copied  => 'client_body_buffer_size 1k; smart_body_buffer 8m;',
    mapped  => 'client_body_buffer_size 1k; smart_body_buffer 2k;',
    stream  => 'proxy_request_buffering off; proxy_http_version 1.1; smart_body_buffer 100k;',
    single  => 'client_body_in_single_buffer on; client_body_buffer_size 4k; smart_body_buffer 100k;',
    named   => 'client_body_in_file_only clean; smart_body_buffer 2k;',
);
my $locations = join "\n", map { "location /$_ { smart hospital; $locations{$_} proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }" } sort keys %locations;
my $conf = <<"EOC";
        client_max_body_size 8m;
        client_body_timeout 2s;
        $locations
        location /retry { smart hospital; client_body_buffer_size 1k; smart_body_buffer 2k; proxy_next_upstream error timeout http_503 non_idempotent; proxy_pass http://pool/fhir; }
        location /again { smart hospital; client_body_buffer_size 16m; proxy_next_upstream error timeout http_503 non_idempotent; proxy_pass http://pool/fhir; }
        location /bound { smart hospital; smart_body_buffer 1k; smart_response_max 100k; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /max   { smart hospital; client_max_body_size 100k; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
EOC
my $nginx = nginx(vars => { UPSTREAM => $up->port, BUSY => $busy->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    upstream pool { server 127.0.0.1:%%BUSY%% max_fails=0; server 127.0.0.1:%%UPSTREAM%% max_fails=0 backup; }
    server { listen 127.0.0.1:%%PORT%%; $conf }
    server { listen 127.0.0.1:%%PORT2%% http2; $conf }
EOC
my @places = (sort(keys %locations), qw(retry again));
my $token  = $issuer->token(scope => 'patient/Observation.cruds', patient => 'p1');
my @json   = ('Content-Type' => 'application/fhir+json');

# Of `size` bytes and a little; whose it is stands at the very end, and no other spelling of it would come out the same.
sub body {
    my ($size, $patient, $id) = @_;
    my $name = $id ? qq{"id" : "$id",} : '';
    return qq~ {\t"resourceType":"Observation",$name "valueQuantity":{"value":1.50}, "note":[{"text":"\\u00e4~ . join('', map { "$_ " } 1 .. $size / 5)
        . qq~"}], "subject" : {"reference":"Patient/$patient"}}\n~;
}

# --- ways to send: each takes a method, a target and a body, and gives (status, body)
sub slowly {
    my ($c, $head, $body) = @_;
    my $third = int(length($body) / 3) + 1;
    $c->send($head);
    for my $part (unpack "(a$third)*", $body) { select undef, undef, undef, 0.004; $c->send($part) }
    return $c->read(method => 'PUT');
}
my %ways = (
    plain   => sub { my ($c, $method, $target, $body) = @_; return $c->request($method, $target, bearer => $token, headers => \@json, body => $body) },
    chunked => sub { my ($c, $method, $target, $body) = @_; return $c->request($method, $target, bearer => $token, headers => \@json, chunked => [ $body =~ /(.{1,1000})/gs ]) },
    slow    => sub { my ($c, $method, $target, $body) = @_; return slowly($c, $c->compose($method, $target, bearer => $token, headers => [ @json, 'Content-Length' => length $body ]), $body) },
    drops   => sub {
        my ($c, $method, $target, $body) = @_;
        my $n = length($body) > 20000 ? 4000 : 400;
        return slowly($c, $c->compose($method, $target, bearer => $token, headers => [ @json, 'Transfer-Encoding' => 'chunked' ]), join('', map { sprintf "%x\r\n%s\r\n", length, $_ } $body =~ /(.{1,$n})/gs) . "0\r\n\r\n");
    },
    expect  => sub {
        my ($c, $method, $target, $body) = @_;
        $c->send($c->compose($method, $target, bearer => $token, headers => [ @json, 'Content-Length' => length $body, Expect => '100-continue' ]));
        $c->{wire}->more(time + 5);
        $c->send($body) if $c->{wire}{in} =~ s{^HTTP/1.1 100 Continue\r\n\r\n}{};
        return $c->read(method => $method);
    },
    h2      => \&h2,
);
if (`curl --version 2>/dev/null` !~ /HTTP2/) {
    diag('no curl with HTTP/2');
    delete $ways{h2};
}

sub h2 {
    my (undef, $method, $target, $body) = @_;
    spew($nginx->prefix . '/body', $body);
    open my $pipe, '-|', 'curl', '-s', '--max-time', 10, '--http2-prior-knowledge', '-i', '-X', $method, '-H', "Authorization: Bearer $token", '-H', 'Content-Type: application/fhir+json',
        '--data-binary', '@' . $nginx->prefix . '/body', 'http://127.0.0.1:' . $nginx->port(2) . $target or die;
    my $text = join '', <$pipe>;
    close $pipe;
    my ($status) = $text =~ m{^HTTP/2 (\d+)}m;
    return Smart::Message->new(status => $status // 0, body => $text, raw => $text);
}

# What was written upstream: methods and targets, and the bodies; reads before it do not count.
sub written { return grep { $_->method !~ /^(?:GET|HEAD)$/ } $up->requests }

sub sent_is {
    my ($name, $expected) = @_;
    my @got = written();
    is(scalar @got, 1, "$name: one write") or return;
    is(length $got[0]->body, length $expected, "$name: its length");
    ok($got[0]->body eq $expected, "$name: its bytes");
    is($got[0]->header('Content-Length'), length $expected, "$name: Content-Length");
    is($got[0]->header('Transfer-Encoding'), undef, "$name: no chunks");
    return;
}

sub allowed {
    my ($name, $c, $way, $method, $target, $body, $expected) = @_;
    $up->clear;
    my $r = $ways{$way}->($c, $method, $target, $body);
    like($r->status, qr/^20[01]$/, $name) or diag(substr $r->raw, 0, 600);
    sent_is($name, $expected // $body);
    return;
}

sub refused {
    my ($name, $c, $way, $method, $target, $body, $status) = @_;
    $up->clear;
    is($ways{$way}->($c, $method, $target, $body)->status, $status, $name);
    is(scalar(written()), 0, "$name: nothing is written");
    return;
}

# Everything on one connection: a body that is left half read would be the next request.
for my $way (sort keys %ways) {
    for my $at ($way =~ /^(?:slow|drops)$/ ? qw(memory mapped stream retry) : @places) {
        for my $size (200, 3000, 300_000) {
            my $name = "$way, $at, $size";
            my $c    = $nginx->client;
            allowed("$name: create", $c, $way, 'POST', "/$at/Observation", body($size, 'p1'));
            refused("$name: create for another", $c, $way, 'POST', "/$at/Observation", body($size, 'p2'), 403);
            allowed("$name: update", $c, $way, 'PUT', "/$at/Observation/own", body($size, 'p1', 'own'));
            refused("$name: moved", $c, $way, 'PUT', "/$at/Observation/own", body($size, 'p2', 'own'), 403);
            next if $size == 200;
            refused("$name: of another", $c, $way, 'PUT', "/$at/Observation/foreign", body($size, 'p1', 'foreign'), 403);
            my $body = body($size, 'p1');
            allowed("$name: an id is put in", $c, $way, 'PUT', "/$at/Observation?code=x", $body, $body =~ s/\{/{"id":"own",/r);
            is((written())[0]->path, '/fhir/Observation/own', "$name: of what was found");
            ok($way eq 'h2' || !$c->is_closed, "$name: the connection stays");
        }
    }
}

# --- a batch of which one entry is refused: what is sent is another body, as large as the first
sub bundle { return '{"resourceType":"Bundle","type":"batch","entry":[' . join(',', map { qq~{"resource":$_,"request":{"method":"POST","url":"Observation"}}~ } @_) . ']}' }
sub as_sent { return '{"resourceType":"Bundle","type":"batch","entry":[' . join(',', map { qq~{"request":{"method":"POST","url":"Observation"},"resource":$_}~ } @_) . ']}' }
for my $way (grep { $ways{$_} } qw(plain chunked h2)) {
    for my $at (@places) {
        for my $size (100, 3000, 200_000) {
            my ($one, $two, $other) = map { s/^\s+|\s+$//gr } body($size, 'p1'), body($size / 2, 'p1'), body($size, 'p2');
            allowed("batch: $way, $at, $size", $nginx->client, $way, 'POST', "/$at", bundle($one, $other, $two), as_sent($one, $two));
            refused("batch: $way, $at, $size: nothing left", $nginx->client, $way, 'POST', "/$at", bundle($other), 403);
        }
    }
}

# --- the next upstream gets what the first got
for my $at (qw(retry again)) {
    for my $size (500, 300_000) {
        my $body = body($size, 'p1');
        my ($one, $other) = map { s/^\s+|\s+$//gr } $body, body($size, 'p2');
        for my $case ([ 'PUT', 'Observation?code=x', $body, $body =~ s/\{/{"id":"own",/r ], [ 'POST', 'Observation', $body, $body ], [ 'POST', '', bundle($one, $other), as_sent($one) ]) {
            my ($method, $path, $sent, $expected) = @$case;
            $busy->clear;
            allowed("$at, $size: $method $path", $nginx->client, 'plain', $method, $path ? "/$at/$path" : "/$at", $sent, $expected);
            my @first = grep { $_->method ne 'GET' } $busy->requests;
            is(scalar @first, 1, 'it was tried elsewhere first');
            ok(@first && $first[0]->body eq $expected, 'with the same bytes');
        }
    }
}

# --- bounds
my $c = $nginx->client;
my $patch = '[' . join(',', ('{"op":"add","path":"/status","value":"final"}') x 30) . ']';
for my $case (
    [ 'larger than may be judged', 413, 'POST', '/bound/Observation', body(200_000, 'p1') ],
    [ 'as large as may be judged', 201, 'POST', '/bound/Observation', body(80_000, 'p1') ],
    [ 'a patch larger than smart_body_buffer', 413, 'PATCH', '/bound/Observation/own', $patch ],
    [ 'the same patch where it fits', 201, 'PATCH', '/copied/Observation/own', $patch ],
    [ 'a Bundle larger than smart_body_buffer', 200, 'POST', '/bound', bundle(body(50_000, 'p1')) ],
  )
{
    my ($name, $status, $method, $target, $body) = @$case;
    my @type = $method eq 'PATCH' ? ('Content-Type' => 'application/json-patch+json') : @json;
    for my $how ('whole', 'chunked') {
        $up->clear;
        my $r = $c->request($method, $target, bearer => $token, headers => \@type, $how eq 'whole' ? (body => $body) : (chunked => [ $body =~ /(.{1,5000})/gs ]));
        is($r->status, $status, "$name, $how");
        is(scalar(written()), $status < 300 ? 1 : 0, "$name, $how: what is written");
        is($c->get('/r4x', bearer => $token)->status, 404, "$name, $how: the next request of the connection");
    }
}
$c = $nginx->client;
is($c->request('POST', '/max/Observation', bearer => $token, headers => \@json, body => body(200_000, 'p1'))->status, 413, 'client_max_body_size');
is($nginx->client->request('POST', '/max/Observation', bearer => $token, headers => \@json, chunked => [ body(200_000, 'p1') ])->status, 413, 'client_max_body_size, chunked');
is($nginx->client->request('POST', '/max/Observation', bearer => $token, headers => \@json, body => body(50_000, 'p1'))->status, 201, 'less than it');

# --- refused before the body was read: it is not the next request
my $smuggled = "PUT /memory/Observation/foreign HTTP/1.1\r\nHost: x\r\n\r\n";
for my $size (0, 300_000) {
    for my $case ([ 'no token', undef, 401 ], [ 'not in scope', $issuer->token(scope => 'patient/Observation.rs', patient => 'p1'), 403 ]) {
        my ($name, $bearer, $status) = @$case;
        $c = $nginx->client;
        $up->clear;
        my $body = $smuggled . ' ' x $size;
        $c->send($c->compose('POST', '/mapped/Observation', bearer => $bearer, headers => [ @json, 'Content-Length' => length $body ]));
        is($c->read(method => 'POST')->status, $status, "$name, $size: answered before the body");
        $c->send($body);
        is($c->get('/mapped/Observation/own', bearer => $token)->status, 200, "$name, $size: then the next request");
        is(join(' ', map { $_->method } $up->requests), 'GET', "$name, $size: which is all that was sent");
        # in one write, so that the next stands behind it
        $c->send($c->compose('POST', '/mapped/Observation', bearer => $bearer, headers => \@json, body => $body) . $c->compose('GET', '/mapped/Observation/own', bearer => $token));
        is(join(' ', map { $c->read(method => 'GET')->status } 1, 2), "$status 200", "$name, $size: pipelined");
        $c->send($c->compose('POST', '/mapped/Observation', bearer => $bearer, headers => [ @json, Expect => '100-continue', 'Content-Length' => 5 ]));
        my $r = $c->read(method => 'POST');
        is($r->status . scalar @{ $r->interim || [] }, "${status}0", "$name, $size: Expect: answered without asking for the body");
    }
}
# pipelined behind a body that is judged and sent
$c = $nginx->client;
$up->clear;
my ($one, $two) = (body(100, 'p1'), body(5000, 'p1'));
$c->send(join '', map { $c->compose('POST', '/mapped/Observation', bearer => $token, headers => \@json, body => $_) } $one, body(5000, 'p2'), $two);
is(join(' ', map { $c->read(method => 'POST')->status } 1 .. 3), '201 403 201', 'pipelined bodies');
is(join('|', map { $_->body } written()), "$one|$two", 'each its own');

# --- clients that stop in the middle
for my $at (@places) {
    for my $size (500, 300_000) {
        my $body = body($size, 'p1');
        for my $head (
            $nginx->client->compose('POST', "/$at/Observation", bearer => $token, headers => [ @json, 'Content-Length' => length $body ]),
            $nginx->client->compose('POST', "/$at/Observation", bearer => $token, headers => [ @json, 'Transfer-Encoding' => 'chunked' ]) . sprintf("%x\r\n", length $body),
          )
        {
            $up->clear;
            $c = $nginx->client;
            $c->send($head . substr $body, 0, $size / 2);
            select undef, undef, undef, 0.02;
            $c->close;
            is($nginx->client->get("/$at/Observation/own", bearer => $token)->status, 200, "$at, $size: after a client that went away");
            is(scalar(written()), 0, "$at, $size: half a body is not sent");
        }
    }
}
$c = $nginx->client;
$up->clear;
$c->send($c->compose('POST', '/mapped/Observation', bearer => $token, headers => [ @json, 'Content-Length' => 5000 ]) . '{');
my $r = $c->read(method => 'POST', timeout => 5);
ok($r->status == 408 || $r->status == 0, 'a body that never comes: ' . $r->status);
is(scalar(written()), 0, 'is not sent');
is(scalar(glob($nginx->prefix . '/client_body_temp/*') // ''), '', 'no file is left');

done_testing();
