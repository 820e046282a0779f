# Answers that are checked stream: cut anywhere, byte for byte, with a bound on memory, a slow client, a broken
# upstream (RULES L3, L6, L10, L12; DESIGN "Bounds").

use strict;
use warnings;
use lib 't/lib';
use IO::Select;
use JSON::PP ();
use Smart::Process;
use Smart::Test;
use Smart::Wire;
use Time::HiRes qw(time sleep);

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $token  = $issuer->token(scope => 'patient/*.rs', patient => 'p1');

sub entry {
    my ($id, $patient, $more) = @_;
    return qq({ "fullUrl" : "$base/Observation/$id","resource":{"resourceType":"Observation","id":"$id" , "subject":\n{"reference":"Patient/$patient"},)
        . qq("valueQuantity":{"value":1.50},"note":[{"text":"caf\\u00e9 \xc3\xa9 [\\"]}"}]) . ($more // '') . qq(},"search":{"mode":"match"}});
}

sub searchset {
    my ($total, @entries) = @_;
    return qq({"resourceType":"Bundle", "type":"searchset",\n"total":$total,"link":[{"relation":"self","url":"$base/Observation?code=x"}],"entry":[)
        . join(",\n", @entries) . "\n] }\n";
}

my $mixed  = searchset(4, entry('o1', 'p1'), entry('o2', 'p2'), entry('o3', 'p1'), entry('o4', 'p2'));
my $single = qq({"id":"one","meta":{"versionId":"7"},"resourceType":"Observation","valueQuantity":{"value":1.50},"subject":{"reference":"Patient/p1"}}\n);
sub single { return $single =~ s/one/$_[0]/r }
my $whole  = searchset(1000, map { entry("w$_", 'p1') } 1 .. 1000);
my $shown  = $whole =~ s{\n"total":1000,}{}r;    # it comes before anybody can know (L6)
my $blob   = 'QUJD' x 750000;
my $heavy  = searchset(3, entry('h1', 'p1'), entry('h2', 'p1', qq(,"extension":[{"url":"u","valueBase64Binary":"$blob"}])),
    entry('h3', 'p2', qq(,"extension":[{"url":"u","valueBase64Binary":"$blob"}])), entry('h4', 'p1'));

# The code asked for chooses the answer; code=cut-<n> the place where it is cut.
my $up = upstream(
    qr{^(?:GET|HEAD) /fhir/Observation$} => sub {
        my ($code, $at) = $_[0]->query =~ /\bcode=([a-z]+)(?:-(\d+))?/;
        return { json => { resourceType => 'Bundle', type => 'searchset' } } unless defined $code;
        return { parts => [ substr($mixed, 0, $at), substr $mixed, $at ], part_delay => 0.001 } if $code eq 'cut';
        return { chunked => [ grep { length } substr($mixed, 0, $at), substr $mixed, $at ], chunk_delay => 0.001 } if $code eq 'chunk';
        return { body => $whole } if $code eq 'whole';
        return { chunked => [ $whole =~ /(.{1,7777})/gs ] } if $code eq 'wholechunked';
        return { body => $heavy } if $code eq 'heavy';
        return { body => $mixed };
    },
    qr{^(?:GET|HEAD) /fhir/Observation/single-(\d+)} => sub {
        my ($id, $at) = $_[0]->path =~ /(single-(\d+))/;
        return { parts => [ substr(single($id), 0, $at), substr single($id), $at ], part_delay => 0.001 };
    },
    qr{^GET /fhir/Observation/theirs-(\d+)} => sub {
        my ($id, $at) = $_[0]->path =~ /(theirs-(\d+))/;
        my $body = single($id) =~ s/p1/p2/r;
        return { parts => [ substr($body, 0, $at), substr $body, $at ], part_delay => 0.001 };
    },
);

# Spoken to by hand.
my $port   = free_port();
my $listen = Smart::Process::listener($port) or die "listen: $!";

my $nginx = nginx(vars => { UPSTREAM => $up->port, HAND => $port, ISSUER => $issuer->uri },
    files => { 'html/page.html' => join('|', ('<!--# include virtual="/r4/Observation?code=whole" -->') x 2) }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    proxy_cache_path %%PREFIX%%/cache keys_zone=answers:1m;
    proxy_http_version 1.1;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4         { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /unbuffered { smart hospital; proxy_buffering off; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /files      { smart hospital; proxy_buffer_size 1k; proxy_buffers 2 1k; proxy_busy_buffers_size 1k; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /spill      { smart hospital; smart_response_buffer 1; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /small      { smart hospital; smart_response_buffer 64k; smart_response_max 4m; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /tight      { smart hospital; smart_response_max 2m; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /zip        { smart hospital; gzip on; gzip_types application/fhir+json; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /slowly     { smart hospital; limit_rate 900k; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /cached     { smart hospital; proxy_cache answers; proxy_cache_valid 200 1h; proxy_cache_key \$smart_subject\$uri\$is_args\$args;
                               add_header X-Cache \$upstream_cache_status; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /hand       { smart hospital; proxy_max_temp_file_size 0; smart_response_max 1m; proxy_pass http://127.0.0.1:%%HAND%%/fhir; }
        location /page.html  { root %%PREFIX%%/html; ssi on; }
        location /hand-off   { smart hospital; proxy_buffering off; smart_response_max 1m; proxy_pass http://127.0.0.1:%%HAND%%/fhir; }
    }
    server {
        listen 127.0.0.1:%%PORT2%% http2;
        location /r4         { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /hand       { smart hospital; proxy_max_temp_file_size 0; smart_response_max 1m; proxy_pass http://127.0.0.1:%%HAND%%/fhir; }
    }
EOC

sub h2 {
    my ($path, @options) = @_;
    open my $pipe, '-|', 'curl', '-s', '--max-time', 20, '--http2-prior-knowledge', '-H', "Authorization: Bearer $token", @options,
        '127.0.0.1:' . $nginx->port(2) . $path or die;
    local $/;
    my $body = <$pipe>;
    close $pipe;
    return { body => $body // '', exit => $? >> 8 };
}

# Cut at every byte: the same as whole.
my $client = $nginx->client;
for my $kind ([ r4 => 'cut' ], [ unbuffered => 'cut' ], [ unbuffered => 'chunk' ]) {
    my ($at, $code) = @$kind;
    my $expected = $client->get("/$at/Observation?code=mixed", bearer => $token)->body;
    my $parsed   = eval { JSON::PP->new->utf8->decode($expected) };
    is(join(' ', map { $_->{resource}{id} } @{ $parsed->{entry} }), 'o1 o3', "$at: whole: one's own alone");
    is(($parsed->{total} // 'none') . ($expected =~ /p2/ ? ' leaks' : ''), 'none', "$at: whole: no total of others");

    my @wrong = grep { my $r = $client->get("/$at/Observation?code=$code-$_", bearer => $token); $r->status != 200 || $r->body ne $expected }
        1 .. length($mixed) - 1;
    is("@wrong[0 .. ($#wrong < 5 ? $#wrong : 5)]", '', "$at: $code at each of " . length($mixed) . ' bytes');
    next if $at ne 'r4';
    @wrong = grep { my $r = h2("/r4/Observation?code=cut-$_"); $r->{exit} || $r->{body} ne $expected } map { 1 + 29 * $_ } 0 .. length($mixed) / 29 - 1;
    is("@wrong", '', 'HTTP/2: cut at every 29th byte');
}
{
    my @wrong = grep { $client->get("/unbuffered/Observation/single-$_", bearer => $token)->body ne single("single-$_") } 1 .. length($single) + 7;
    is("@wrong", '', 'a single resource, cut at each byte');
    my @seen = grep { my $r = $client->get("/unbuffered/Observation/theirs-$_", bearer => $token); $r->status != 404 || $r->raw =~ /p2/ } 1 .. length($single) + 7;
    is("@seen", '', "another's, cut at each byte");
    ok(!$client->is_closed, 'all on one connection');
}

# Nothing to remove: byte for byte.
for my $at (qw(r4 unbuffered files spill small zip slowly cached cached)) {
    for my $code (qw(whole wholechunked)) {
        my $r = $nginx->get("/$at/Observation?code=$code", bearer => $token, timeout => 20);
        ok($r->status == 200 && $r->complete && $r->body eq $shown, "$at: $code: byte for byte") || diag(length($r->body) . ' of ' . length $shown);
    }
}
is($nginx->get('/cached/Observation?code=whole', bearer => $token)->header('X-Cache'), 'HIT', 'the cache was used');
ok(h2('/r4/Observation?code=whole')->{body} eq $shown, 'HTTP/2: byte for byte');
ok(h2('/r4/Observation?code=whole', '--limit-rate', '1M')->{body} eq $shown, 'HTTP/2, read slowly: byte for byte');
{
    my $r = $nginx->get('/r4/Observation?code=whole', bearer => $token, version => '1.0', timeout => 20);
    ok($r->body eq $shown, 'HTTP/1.0: byte for byte');
}
{
    my $zipped = $nginx->get('/zip/Observation?code=whole', bearer => $token, headers => [ 'Accept-Encoding' => 'gzip' ]);
    is($zipped->header('Content-Encoding'), 'gzip', 'compressed behind us');
    require IO::Uncompress::Gunzip;
    IO::Uncompress::Gunzip::gunzip(\$zipped->body, \my $plain);
    ok($plain eq $shown, 'compressed behind us: byte for byte');
}

{
    my $r = $nginx->get('/page.html', bearer => $token, timeout => 20);
    ok($r->complete && $r->body eq "$shown|$shown", 'two of them in one page, each waiting for its turn');
}

# A slow client: small reads with pauses.
{
    my $slow = $nginx->client(timeout => 30);
    $slow->send($slow->compose('GET', '/unbuffered/Observation?code=wholechunked', bearer => $token));
    my $socket = $slow->{wire}->socket;
    setsockopt $socket, 1, 8, pack 'i', 4096;    # SO_RCVBUF
    sleep 0.3;
    for (1 .. 30) { sysread $socket, $slow->{wire}{in}, 512, length $slow->{wire}{in}; sleep 0.01 }
    my $r = $slow->read(method => 'GET');
    ok($r->complete && $r->body eq $shown, 'read slowly: byte for byte');
}

# An entry of megabytes goes by way of a file without a name; what is larger than allowed fails the whole.
{
    $nginx->mark;
    my $r = $nginx->get('/small/Observation?code=heavy', bearer => $token, timeout => 20);
    is(join(' ', map { $_->{resource}{id} } @{ $r->json ? $r->json->{entry} : [] }), 'h1 h2 h4', 'a large entry is shown, another one removed');
    like($r->body, qr/"valueBase64Binary":"\Q$blob\E"/, '... byte for byte');
    like($nginx->log_since_mark, qr/smart: what waits to be judged is buffered to a temporary file/, '... and the log says where it was held');
    is(join(' ', map { -f $_ ? $_ : () } glob($nginx->prefix . '/temp_proxy/*')), '', '... no file is left');

    $nginx->mark;
    $r = $nginx->get('/tight/Observation?code=heavy', bearer => $token, timeout => 20);
    outcome_is($r, 502, 'processing', 'larger than smart_response_max: never one entry alone');
    unlike($r->raw, qr/p2|h3/, '... nothing of another');
    like($nginx->wait_log(qr/smart: denied 502 answer_too_large/) ? 'yes' : 'no', qr/yes/, '... and logged');
}

# HEAD (L12)
{
    my $r = $nginx->head('/r4/Observation?code=mixed', bearer => $token);
    is($r->status . ' ' . ($r->header('Content-Length') // 'none'), '200 none', 'HEAD of a search tells no length');
    $r = $nginx->head('/r4/Observation/single-5', bearer => $token);
    is($r->status . ' ' . $r->header('Content-Length'), '200 ' . length single('single-5'), 'HEAD of a read tells that of GET');
}

# By hand: what the client has while the upstream has not sent the rest.
sub begin {
    my ($path, %how) = @_;
    my $c = $nginx->client(timeout => 20);
    $c->send($c->compose('GET', $path, bearer => $token, %how));
    my $upstream = IO::Select->new($listen)->can_read(5) ? $listen->accept : die "nothing comes upstream\n";
    my $wire = Smart::Wire->new($upstream);
    $wire->head(time + 5);
    return ($c, $wire);
}

sub arrives {
    my ($c, $what) = @_;
    my $until = time + 5;
    1 while $c->{wire}{in} !~ $what && $c->{wire}->more($until);
    return $c->{wire}{in} =~ $what;
}

my $head  = "HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\n";
my $first = qq({"resourceType":"Bundle","type":"searchset","entry":[) . join(',', map { entry("f$_", $_ % 2 ? 'p1' : 'p2') } 1 .. 60);
sub chunk { return sprintf "%x\r\n%s\r\n", length $_[0], $_[0] }

for my $at (qw(hand hand-off)) {
    my ($c, $wire) = begin("/$at/Observation?code=x");
    $wire->write($head . chunk($first), time + 5);
    ok(arrives($c, qr/"f1"/), "$at: the first entry arrives before the last was sent");
    $wire->write(chunk(',' . entry('f99', 'p1') . ']}') . "0\r\n\r\n", time + 5);
    my $r = $c->read(method => 'GET');
    is(join(' ', map { $_->{resource}{id} } @{ $r->json->{entry} }), join(' ', (map { "f$_" } grep { $_ % 2 } 1 .. 60), 'f99'), "$at: ... and the others follow");

    # what breaks behind the first byte
    for my $case ([ 'ends early' => '', 'answer_truncated' ], [ 'chunks that are none' => "zz\r\n", '' ], [ 'no JSON any more' => chunk('}}}') . "0\r\n\r\n", 'answer_broken' ],
        [ 'a member twice' => chunk(',{"resource":{"resourceType":"Observation","id":"z","subject":{"reference":"Patient/p1"},"subject":{"reference":"Patient/p2"}}}]}') . "0\r\n\r\n", 'answer_broken' ],
        [ 'an entry too large' => chunk(',{"fullUrl":"' . 'x' x 1100000), 'answer_too_large' ])
    {
        my ($name, $rest, $reason) = @$case;
        $nginx->mark;
        my ($c, $wire) = begin("/$at/Observation?code=x");
        $wire->write($head . chunk($first), time + 5);
        arrives($c, qr/"f1"/);
        $wire->write($rest, time + 5);
        $wire->socket->close if $name =~ /early|none/;
        my $r = $c->read(method => 'GET');
        ok($r->status == 200 && !$r->complete, "$at: $name: the client sees that it was cut");
        ok($c->is_closed, "$at: $name: the connection is closed");
        unlike($r->raw, qr/p2/, "$at: $name: nothing of another");
        ok(!$reason || $nginx->wait_log(qr/smart: cut an answer that was on its way: $reason/), "$at: $name: logged");
    }
}
{
    open my $pipe, '-|', 'curl', '-s', '--max-time', 10, '--http2-prior-knowledge', '-H', "Authorization: Bearer $token", '127.0.0.1:' . $nginx->port(2) . '/hand/Observation?code=x' or die;
    my $wire = Smart::Wire->new($listen->accept);
    $wire->head(time + 5);
    $wire->write($head . chunk($first), time + 5);
    sysread $pipe, my $seen, 100;
    $wire->socket->close;
    local $/;
    my $more = <$pipe>;
    close $pipe;
    ok($? >> 8, 'HTTP/2: ends early: the stream is reset');
    unlike($seen . $more, qr/p2/, 'HTTP/2: ends early: nothing of another');
}

# The client goes away: so does the request upstream.
{
    my ($c, $wire) = begin('/hand-off/Observation?code=x');
    $wire->write($head . chunk($first), time + 5);
    arrives($c, qr/"f1"/);
    $c->close;
    my $until = time + 5;
    1 while $wire->write(chunk(',' . entry('f99', 'p1')), time + 1) && !$wire->{eof} && time < $until && sleep 0.02;
    ok(time < $until, 'the client goes away: the connection upstream ends');
}

# A client that does not read stops the upstream; memory does not grow with the Bundle, whatever is removed from it.
sub memory { my ($pid) = $nginx->workers; return (slurp("/proc/$pid/status") =~ /VmRSS:\s+(\d+)/)[0] }

for my $at (qw(hand hand-off)) {
    my ($c, $wire) = begin("/$at/Observation?code=x");
    my $before = memory();
    my $more   = join '', map { ',' . entry("m$_", $_ % 4 ? 'p1' : 'p2') } 1 .. 2000;
    my ($sent, $stalled) = (0, 0);

    $wire->write($head . chunk($first), time + 5);
    while ($sent < 150 && !$stalled) {
        $stalled = !$wire->write(chunk($more), time + 1);
        $sent++ if !$stalled;
    }
    ok($stalled, "$at: a client that does not read stops the upstream (after $sent of " . int(length($more) / 1024) . ' KB)');
    cmp_ok(memory() - $before, '<', 4096, "$at: memory meanwhile");
    $c->close;

    ($c, $wire) = begin("/$at/Observation?code=x");
    $wire->write($head . chunk($first), time + 5);
    my ($got, $tail) = (0, '');
    for my $n (1 .. 60) {
        my $bytes = chunk($more);
        while (length $bytes) {
            my $n = syswrite $wire->socket, $bytes, 65536;
            substr $bytes, 0, $n, '' if $n;
            $c->{wire}->more(time + ($n ? 0.0005 : 0.05));
            $got += length($c->{wire}{in}), $tail = substr($tail . $c->{wire}{in}, -200), $c->{wire}{in} = '';
        }
    }
    $wire->write(chunk(']}') . "0\r\n\r\n", time + 5);
    my $until = time + 10;
    until ($tail =~ /\r\n0\r\n\r\n$/ || !$c->{wire}->more($until)) { $got += length $c->{wire}{in}; $tail = substr($tail . $c->{wire}{in}, -200); $c->{wire}{in} = '' }
    like($tail, qr/\]\}\r\n0\r\n\r\n$/, "$at: a Bundle of " . int(60 * length($more) / 1048576) . ' MB is complete');
    cmp_ok($got, '>', 60 * length($more) * 0.7, "$at: ... with what is one's own");
    cmp_ok(memory() - $before, '<', 4096, "$at: ... and memory stays");
}

done_testing();
