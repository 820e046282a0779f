# Under load: one fetch for hundreds who come at once; rotation, an outage and reloads that nobody notices.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;
use Time::HiRes qw(sleep time);

my $good = q({"resourceType":"Organization","id":"o1"});

# The FHIR server is nginx itself: no process for each connection.
sub run {
    my ($issuer, $entries, %more) = @_;
    my $nginx = nginx(vars => { ISSUER => $issuer->uri }, start => 0, %more, conf => <<"EOC");
        smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; $entries }
        server {
            listen 127.0.0.1:%%PORT%% backlog=1024;
            location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%PORT2%%; }
            location /open { return 204; }
        }
        server {
            listen 127.0.0.1:%%PORT2%% backlog=1024;
            access_log off;
            default_type application/fhir+json;
            location / { return 200 '$good'; }
        }
EOC
    spew($nginx->prefix . '/nginx.conf', slurp($nginx->prefix . '/nginx.conf') =~ s/worker_connections 512/worker_connections 4096/r);
    return $nginx->start;
}

sub request { my ($token) = @_; return "GET /r4/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n\r\n" }
sub count   { my %n; $n{$_}++ for @_; return join ' ', map { "$_: $n{$_}" } sort keys %n }

# --- 500 at once while the first keys take a second, two workers

{
    my $issuer  = issuer()->answer(jwks => { delay => 1 });
    my $nginx   = run($issuer, '', workers => 2);
    my $request = request($issuer->token);
    my @clients = map { $nginx->client } 1 .. 500;

    $_->send($request) for @clients;
    my $began = time;
    is($nginx->get('/open')->status, 204, 'another location answers');
    cmp_ok(time - $began, '<', 0.3, 'at once');
    is(count(map { $_->read(method => 'GET')->status } @clients), '200: 500', '500 at once');
    is($issuer->gets('jwks'), 1, 'by one fetch');
}

# --- rotation at 200 requests in a second: neither key fails while both are published

{
    my $issuer = issuer(keys => ['rsa']);
    my $nginx  = run($issuer, 'cooldown 1s;', workers => 2);
    my @client = map { $nginx->client } 1 .. 4;
    my (@status, $sent);
    my $load = sub {
        my ($seconds, @keys) = @_;
        my $end = time + $seconds;
        while (time < $end) {
            my $next = time + 0.005;
            my $key  = $keys[$sent++ % @keys];
            push @status, $client[$sent % @client]->get('/r4/Organization/o1', bearer => $issuer->token(key => $key))->status;
            my $left = $next - time;
            sleep $left if $left > 0;
        }
    };

    $load->(1, 'rsa');
    $issuer->publish('rsa', 'rsa2');
    $load->(2, 'rsa', 'rsa2');
    $issuer->publish('rsa2');
    $load->(1, 'rsa2');
    is(count(@status), '200: ' . @status, 'no good token fails through a rotation, ' . @status . ' requests');
    cmp_ok(scalar(@status), '>', 400, 'that was a load');
    cmp_ok($issuer->gets('jwks'), '<=', 4, 'by few fetches: ' . $issuer->gets('jwks'));
}

# --- 50 reloads under load, fetches in flight

{
    my $issuer = issuer()->answer(jwks => { delay => 0.2 });
    my $nginx  = run($issuer, 'refresh 1s 1s; stale 1h;', workers => 2);
    my @tokens = map { $issuer->token } 1 .. 20;

    is($nginx->get('/r4/Organization/o1', bearer => $tokens[0])->status, 200, 'up');
    pipe my $in, my $out or die;
    my $pid = Smart::Process::spawn('load', sub {
        my ($n, %bad) = (0);
        close $in;
        local $SIG{TERM} = sub { syswrite $out, join ' ', $n, map { "$_=$bad{$_}" } %bad ? sort keys %bad : (); POSIX::_exit(0) };
        while (1) {
            my $status = $nginx->get('/r4/Organization/o1', bearer => $tokens[$n++ % @tokens])->status;
            $bad{$status}++ if $status != 200;
        }
    });
    close $out;
    my $reloads = grep { $nginx->reload } 1 .. 50;
    is($reloads, 50, '50 reloads');
    Smart::Process::stop($pid, 'TERM', 5);
    my $said = join '', <$in>;
    like($said, qr/^\d+$/, "no request failed: $said");
    cmp_ok((split ' ', $said)[0], '>', 100, 'that was a load');
    ok(wait_until(sub { my @w = $nginx->workers; @w == 2 }, 12), 'old workers leave');
    cmp_ok($issuer->gets('jwks'), '<', 40, 'reloads ask nobody: ' . $issuer->gets('jwks'));
}

# --- many opaque tokens at once on one worker

{
    my $issuer = issuer();
    $issuer->{introspect} = sub { return { delay => 0.05, json => { active => 1 == 1 ? JSON::PP::true() : 0, scope => 'system/*.rs', client_id => 'a', exp => time + 300 } } };
    $issuer->serve;
    my $nginx = run($issuer, 'introspection opaque;', workers => 1);
    my @clients = map { $nginx->client } 1 .. 1000;

    is($nginx->get('/r4/Organization/o1', bearer => $issuer->token)->status, 200, 'up');
    $clients[$_]->send(request("opaque-$_")) for 0 .. $#clients;
    my ($worst, $other) = (0, $nginx->client);
    for (1 .. 20) {
        my $began = time;
        $other->get('/open');
        $worst = time - $began if time - $began > $worst;
        sleep 0.02;
    }
    is(count(map { $_->read(method => 'GET')->status } @clients), '200: 1000', '1000 opaque tokens at once: none is lost');
    cmp_ok($worst, '<', 0.25, sprintf 'others keep their latency: %.1f ms', $worst * 1000);
    is(scalar(grep { $_->target =~ /introspect/ } $issuer->requests), 1000, 'each was asked about once');
}

done_testing();
