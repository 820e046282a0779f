# Fresh eyes: floods, an outage to its end, keys that were taken back, a module that is replaced, certificates that are over.

use strict;
use warnings;
use lib 't/lib';
use IO::Socket::INET;
use Smart::Test;
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep time);

my $good = q({"resourceType":"Organization","id":"o1"});

sub run {
    my ($vars, $entries, %more) = @_;

    return nginx(vars => $vars, %more, conf => <<"EOC");
        smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; $entries }
        server {
            listen 127.0.0.1:%%PORT%%;
            location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%PORT2%%; }
        }
        server {
            listen 127.0.0.1:%%PORT2%%;
            default_type application/fhir+json;
            location / { return 200 '$good'; }
        }
EOC
}

sub ask { my ($nginx, $token) = @_; return $nginx->get('/r4/Organization/o1', bearer => $token) }
sub status_of { return ask(@_)->status }
sub count { my %n; $n{$_}++ for @_; return join ' ', map { "$_: $n{$_}" } sort keys %n }

# --- a flood of unknown ids, two workers: one fetch, nobody with a good token is held up

{
    my $issuer = issuer(keys => ['rsa']);
    my $nginx  = run({ ISSUER => $issuer->uri }, '', workers => 2);
    my ($worst, @good, @flood) = (0);

    is(status_of($nginx, $issuer->token), 200, 'good');
    for my $n (1 .. 300) {
        push @flood, status_of($nginx, $issuer->token(key => 'rsa2', header => { kid => "k$n" }));
        next if $n % 10;
        my $began = time;
        push @good, status_of($nginx, $issuer->token);
        my $took = time - $began;
        $worst = $took if $took > $worst;
    }
    is(count(@flood), '401: 300', '300 unknown ids');
    is($issuer->gets('jwks'), 2, 'cost one fetch');
    is(count(@good), '200: 30', 'good tokens meanwhile');
    cmp_ok($worst, '<', 0.25, sprintf 'within %.1f ms', $worst * 1000);
}

# --- a key that is taken back, of which nobody says anything: gone within the freshness time, in each worker and from its cache

{
    my $issuer = issuer(keys => ['rsa', 'p256']);
    my $nginx  = run({ ISSUER => $issuer->uri }, 'refresh 2s 2s; stale 1h;', workers => 2);
    my @tokens = map { $issuer->token(key => 'p256') } 1 .. 2;

    is(count(map { status_of($nginx, $tokens[$_ % 2]) } 1 .. 20), '200: 20', 'a key, in both caches');
    $issuer->publish('rsa');
    my $began = time;
    my $last  = $began;
    while (time < $began + 5) {
        $last = time if grep { status_of($nginx, $_) == 200 } @tokens;
        sleep 0.02;
    }
    my $took = $last - $began;
    cmp_ok($took, '<', 2 + 1.3, sprintf 'gone after %.1f s, of 2 s and a worker\'s look at the zone', $took);
    is(status_of($nginx, $issuer->token), 200, 'control: the key that stayed');
}

# --- an outage, looked at all the time: no failure as long as stale, then 503, then back at once

{
    my $issuer = issuer();
    my $nginx  = run({ ISSUER => $issuer->uri }, 'refresh 1s 1s; stale 4s;', workers => 2);
    my $token  = $issuer->token;

    is(status_of($nginx, $token), 200, 'good');
    my $down = time;
    $issuer->answer(map { $_ => { drop => 1 } } qw(openid oauth jwks));
    my ($n, $r) = (0);
    while (time < $down + 12) {
        $r = ask($nginx, $n++ % 2 ? $issuer->token : $token);
        last if $r->status != 200;
        sleep 0.02;
    }
    my $held = time - $down;
    cmp_ok($held, '>', 3.9, sprintf '%d requests in an outage: none failed for %.1f s, of stale 4s', $n, $held);
    cmp_ok($held, '<', 6.5, 'and no longer than that');
    outcome_is($r, 503, 'transient', 'then 503');
    ok($r->header('Retry-After'), 'and when to come back');
    is(count(map { status_of($nginx, $issuer->token) } 1 .. 10), '503: 10', 'and nothing else');
    $issuer->answer(map { $_ => undef } qw(openid oauth jwks));
    my $back = time;
    ok(wait_until(sub { status_of($nginx, $token) == 200 }, 6), 'back');
    cmp_ok(time - $back, '<', 2.7, sprintf 'after %.1f s', time - $back);
}

# --- the module is replaced under a reload: another zone, which begins with the state file or with a fetch

SKIP: {
    my $module = Smart::Nginx::module_path();
    skip 'the module is built in', 1 unless length $module;
    for my $entries ('', 'state_file %%PREFIX%%/state/hospital;') {
        my $name   = $entries ? 'with a state file' : 'without one';
        my $issuer = issuer();
        my $nginx  = run({ ISSUER => $issuer->uri }, $entries, module => 0, main => 'load_module %%PREFIX%%/state/m.so;', workers => 2,
            files => { 'state/m.so' => slurp($module) });
        my $so     = $nginx->prefix . '/state/m.so';

        is(status_of($nginx, $issuer->token), 200, "$name: good");
        is($issuer->gets('jwks'), 1, "$name: one fetch");
        if ($entries) {
            ok(wait_until(sub { -s $nginx->prefix . '/state/hospital' }, 3), "$name: written");
            $issuer->answer(map { $_ => { drop => 1 } } qw(openid oauth jwks));
        }
        # by one name the system's loader loads one file: what is there now comes with another name, or with a binary upgrade
        spew("$so.new", slurp($module));
        rename "$so.new", $so;
        ok($nginx->reload, "$name: a reload with a new file of the same name");
        is(status_of($nginx, $issuer->token) . ' ' . $issuer->gets('jwks'), '200 1', "$name: goes on with the module that is loaded");
        spew($nginx->prefix . '/state/m2.so', slurp($module));
        ok($nginx->reload(main => 'load_module %%PREFIX%%/state/m2.so;'), "$name: a reload with another module");
        my $began = time;
        is(count(map { status_of($nginx, $issuer->token) } 1 .. 10), '200: 10', "$name: no request fails");
        cmp_ok(time - $began, '<', 2, "$name: and none waits longer than 2 s");
        $entries ? like($nginx->log, qr/begins with the documents of state_file/, "$name: by the file, the issuer is down")
            : is($issuer->gets('jwks'), 2, "$name: by one more fetch");
        ok($nginx->reload, "$name: and again, with the same one");
        is(status_of($nginx, $issuer->token), 200, "$name: nothing has changed");
    }
}

# --- an ETag without the keys it stands for is not sent: the zone had room for one and not for the other

{
    my $issuer = issuer();
    my $big    = $issuer->jwks =~ s/\}$/',"x":"' . 'x' x 90_000 . '"}'/er;
    $issuer->answer(jwks => { body => $big, headers => [ETag => '"big"'] });
    my $first = run({ ISSUER => $issuer->uri }, 'state_file %%PREFIX%%/state/hospital;', files => { 'state/keep' => '' });
    is(status_of($first, $issuer->token), 200, 'large keys in a large zone');
    ok(wait_until(sub { -s $first->prefix . '/state/hospital' }, 3), 'are kept');

    my $before = $issuer->gets('jwks');
    my $second = nginx(vars => { ISSUER => $issuer->uri, STATE => $first->prefix . '/state/hospital' }, conf => <<'EOC');
        smart_zone zone=small:64k;
        smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; state_file %%STATE%%; }
        server { listen 127.0.0.1:%%PORT%%; location /r4 { smart hospital; proxy_pass http://127.0.0.1:9; } }
EOC
    ok($second->wait_log(qr/has no room for it/), 'in a small zone they have no room');
    ok(wait_until(sub { $issuer->gets('jwks') > $before }, 5), 'and are fetched');
    my ($last) = reverse grep { $_->target eq '/jwks' } $issuer->requests;
    is($last->header('If-None-Match'), undef, 'without a condition');
}

# --- servers that reset, or close their half and wait; who has nothing to do with it is answered

{
    my %server = (
        'reset at once'       => sub { my ($c) = @_; setsockopt $c, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0; close $c },
        'reset when asked'    => sub { my ($c) = @_; sysread $c, my $x, 4096; setsockopt $c, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0; close $c },
        'reset within a body' => sub { my ($c) = @_; sysread $c, my $x, 4096; syswrite $c, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"; sleep 0.05; setsockopt $c, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0; close $c },
        'half-closed at once' => sub { my ($c) = @_; shutdown $c, 1; sleep 20 },
        'half-closed when asked'     => sub { my ($c) = @_; sysread $c, my $x, 4096; shutdown $c, 1; sleep 20 },
        'half-closed within a body'  => sub { my ($c) = @_; sysread $c, my $x, 4096; syswrite $c, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"; shutdown $c, 1; sleep 20 },
        'silent'              => sub { sleep 20 },
    );
    for my $name (sort keys %server) {
        my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64) or die "listen: $!";
        my $pid    = Smart::Process::spawn('server', sub {
            local $SIG{CHLD} = 'IGNORE';
            while (my $c = $listen->accept) { next if fork; $server{$name}->($c); POSIX::_exit(0) }
        });
        my $uri    = 'http://127.0.0.1:' . $listen->sockport;
        my $issuer = issuer();
        my $nginx  = nginx(vars => { BAD => $uri, ISSUER => $issuer->uri }, conf => <<"EOC");
            smart_issuer bad  { uri %%BAD%%; audience https://fhir.example.org/r4; timeout 1s; }
            smart_issuer asks { uri %%ISSUER%%; audience https://fhir.example.org/r4; timeout 1s; introspection opaque; introspection_uri %%BAD%%/introspect; }
            server {
                listen 127.0.0.1:%%PORT%%;
                location /bad { smart bad; proxy_pass http://127.0.0.1:%%PORT2%%; }
                location /asks { smart asks; proxy_pass http://127.0.0.1:%%PORT2%%; }
                location /open { return 204; }
            }
            server { listen 127.0.0.1:%%PORT2%%; default_type application/fhir+json; location / { return 200 '$good'; } }
EOC
        my @waiting = map { $nginx->client } 1, 2;
        $waiting[0]->send("GET /bad/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " . $issuer->token(iss => $uri) . "\r\n\r\n");
        $waiting[1]->send("GET /asks/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer opaque\r\n\r\n");
        my ($worst, $other) = (0, $nginx->client);
        for (1 .. 20) {
            my $began = time;
            $other->get('/open')->status == 204 or fail("$name: the other location answers");
            $worst = time - $began if time - $began > $worst;
            sleep 0.02;
        }
        cmp_ok($worst, '<', 0.1, sprintf "$name: another location is answered within %.1f ms", $worst * 1000);
        is(join(' ', map { $_->read(method => 'GET')->status } @waiting), '503 503', "$name: no keys and no answer");
        is($nginx->get('/asks/Organization/o1', bearer => $issuer->token)->status, 200, "$name: tokens that need neither are good");
        Smart::Process::stop($pid, 'TERM', 5);
    }
}

# --- certificates that are over, or signed by themselves

{
    my $dir = File::Temp->newdir;
    my $openssl = sub { system("cd $dir && openssl $_[0] >/dev/null 2>&1") == 0 or die "openssl $_[0]" };
    my $key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
    spew("$dir/ca.cnf", "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n");
    spew("$dir/index.txt", '');
    spew("$dir/serial", "1000\n");
    spew("$dir/name", "subjectAltName=DNS:localhost\n");
    $openssl->("req -x509 $key -keyout ca.key -out ca.pem -subj /CN=ca -days 9");
    my %time = (now => '-days 3', over => '-startdate 20200101000000Z -enddate 20210101000000Z', early => '-startdate 20480101000000Z -enddate 20490101000000Z');
    for my $name (sort keys %time) {
        $openssl->("req $key -keyout $name.key -out $name.csr -subj /CN=$name");
        $openssl->("ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in $name.csr -out $name.pem -extfile name $time{$name}");
    }
    $openssl->("req -x509 $key -keyout self.key -out self.pem -subj /CN=localhost -days 3 -addext subjectAltName=DNS:localhost");
    for my $case ([now => 200], [over => 503], [early => 503], [self => 503]) {
        my ($name, $expected) = @$case;
        my $port   = free_port();
        my $uri    = "https://localhost:$port";
        my $issuer = issuer(metadata => { issuer => $uri, jwks_uri => "$uri/jwks" });
        my $nginx  = nginx(vars => { ISSUER => $uri, DIR => "$dir", TLS => $port, BEHIND => $issuer->origin }, conf => <<"EOC");
            smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; trusted_certificate %%DIR%%/ca.pem; }
            server { listen 127.0.0.1:%%PORT%%; location /open { return 204; } location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%PORT2%%; } }
            server { listen 127.0.0.1:%%PORT2%%; default_type application/fhir+json; location / { return 200 '$good'; } }
            server {
                listen 127.0.0.1:%%TLS%% ssl;
                ssl_certificate %%DIR%%/$name.pem;
                ssl_certificate_key %%DIR%%/$name.key;
                location / { proxy_pass %%BEHIND%%; }
            }
EOC
        is(status_of($nginx, $issuer->token(iss => $uri)), $expected, "certificate: $name") || diag $nginx->log;
        like($nginx->log, qr/no metadata from .*certificate/i, "certificate: $name: the log says why") if $expected == 503;
        is($nginx->get('/open')->status, 204, "certificate: $name: others are answered");
        is(scalar(() = $issuer->requests) ? 1 : 0, $expected == 200 ? 1 : 0, "certificate: $name: who was asked");
        unlike($nginx->log, qr/stale global SSL error/, "certificate: $name: no error of TLS is left behind");
    }
}

done_testing();
