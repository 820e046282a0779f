# What issuers share and what they do not: documents of equal settings, lines of those who wait, connections, answers.

use strict;
use warnings;
use lib 't/lib';
use JSON::PP ();
use Smart::Test;
use Time::HiRes qw(sleep time utime);

my $good = q({"resourceType":"Organization","id":"o1"});

# The FHIR server is nginx itself.
sub run {
    my ($vars, $blocks, $locations, %more) = @_;
    my $nginx = nginx(vars => $vars, start => 0, %more, conf => <<"EOC");
        $blocks
        server {
            listen 127.0.0.1:%%PORT%% backlog=4096;
            location /open { return 204; }
            $locations
        }
        server {
            listen 127.0.0.1:%%PORT2%% backlog=4096;
            access_log off;
            default_type application/fhir+json;
            location / { return 200 '$good'; }
        }
EOC
    spew($nginx->prefix . '/nginx.conf', slurp($nginx->prefix . '/nginx.conf') =~ s/worker_connections 512/worker_connections 8192/r);
    return $nginx;
}

sub at { my ($name) = @_; return "location /$name { smart $name; proxy_pass http://127.0.0.1:%%PORT2%%; }\n" }
sub ask { my ($nginx, $path, $token) = @_; return $nginx->get("/$path/Organization/o1", bearer => $token) }
sub text { my ($path, $token) = @_; return "GET /$path/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n\r\n" }
sub count { my %n; $n{$_}++ for @_; return join ' ', map { "$_: $n{$_}" } sort keys %n }

# --- two blocks that fetch the same: one fetch, and the state file of the one that asks for it

{
    my $issuer = issuer()->answer(jwks => { delay => 0.5 });
    my $nginx  = run({ ISSUER => $issuer->uri }, <<'EOC', at('one') . at('two') . at('three'), files => { 'state/keep' => '' })->start;
        smart_issuer one   { uri %%ISSUER%%; audience https://one.example.org; }
        smart_issuer two   { uri %%ISSUER%%; audience https://two.example.org; state_file %%PREFIX%%/state/two; }
        smart_issuer three { uri %%ISSUER%%; audience https://three.example.org; }
EOC
    my @names   = qw(one two three);
    my @clients = map { $nginx->client } 1 .. 12;

    $clients[$_]->send(text($names[$_ % 3], $issuer->token(aud => "https://$names[$_ % 3].example.org"))) for 0 .. $#clients;
    is(count(map { $_->read(method => 'GET')->status } @clients), '200: 12', 'three blocks of equal settings');
    is($issuer->gets('openid') . ' ' . $issuer->gets('jwks'), '1 1', 'by one fetch');
    is(ask($nginx, 'two', $issuer->token(aud => 'https://one.example.org'))->status, 401, 'and each has its own audience');
    ok(wait_until(sub { -s $nginx->prefix . '/state/two' }, 3), 'whoever fetched, the state file is written');
}

# --- a no at one of them is not a no at the other

{
    my $issuer = issuer();
    $issuer->{introspect} = sub { return { json => { active => JSON::PP::true(), scope => 'system/*.rs', client_id => 'a', exp => time + 300, aud => 'https://two.example.org' } } };
    $issuer->serve;
    my $nginx = run({ ISSUER => $issuer->uri }, <<'EOC', at('one') . at('two'))->start;
        smart_issuer one { uri %%ISSUER%%; audience https://one.example.org; introspection opaque; }
        smart_issuer two { uri %%ISSUER%%; audience https://two.example.org; introspection opaque; }
EOC
    is(ask($nginx, 'one', 'opaque')->status, 401, 'a token for another audience');
    is(ask($nginx, 'two', 'opaque')->status, 200, 'is good where it belongs, at once');
    is(ask($nginx, 'one', 'opaque')->status, 401, 'and there alone');
}

# --- who waits for an issuer that hangs takes no room from another; beyond the line 503, at once

{
    my $hung = issuer();
    $hung->{introspect} = sub { sleep 8; return { status => 500 } };
    $hung->serve;
    my $slow  = issuer();
    my $nginx = run({ HUNG => $hung->uri, SLOW => $slow->uri }, <<'EOC', at('hung') . at('slow'))->start;
        smart_issuer hung { uri %%HUNG%%; audience https://fhir.example.org/r4; introspection opaque; introspection_max 4; timeout 3s; }
        smart_issuer slow { uri %%SLOW%%; audience https://fhir.example.org/r4; cooldown 1s; }
EOC
    is(ask($nginx, $_, ($_ eq 'hung' ? $hung : $slow)->token)->status, 200, "$_: up") for qw(hung slow);

    my @line = map { $nginx->client } 1 .. 1000;
    my $began = time;
    $line[$_]->send(text('hung', "opaque-$_")) for 0 .. $#line;
    my $r = ask($nginx, 'hung', 'one-more');
    outcome_is($r, 503, 'transient', 'one more than the line is long');
    ok($r->header('Retry-After'), 'is told when to come back');
    cmp_ok(time - $began, '<', 2.5, 'at once, while the others wait');

    $slow->publish('rsa', 'rsa2');
    is(ask($nginx, 'slow', $slow->token(key => 'rsa2'))->status, 200, 'another issuer has a line of its own');
    my ($worst) = sort { $b <=> $a } map { my $t = time; ask($nginx, 'slow', $slow->token); time - $t } 1 .. 10;
    cmp_ok($worst, '<', 0.25, sprintf 'and its tokens are verified within %.1f ms', $worst * 1000);
    is(count(map { $_->read(method => 'GET')->status } @line), '503: 1000', 'who waits gets 503');
    my $took = time - $began;
    cmp_ok($took, '<', 4.5, sprintf 'within timeout and what it takes to read a thousand answers: %.1f s', $took);
    is(ask($nginx, 'hung', $hung->token)->status, 200, 'keys of the one that hangs are untouched by that');
    cmp_ok(scalar(grep { $_->target =~ /introspect/ } $hung->requests), '<=', 8, 'and it was not asked by more than may');
}

# --- clients that come, ask about something else each time, and go: the line does not grow

{
    my $hung = issuer();
    $hung->{introspect} = sub { sleep 20; return { status => 500 } };
    $hung->serve;
    my $nginx = run({ HUNG => $hung->uri }, 'smart_issuer hung { uri %%HUNG%%; audience https://fhir.example.org/r4; introspection opaque; introspection_max 1; timeout 30s; }',
        at('hung'))->start;
    my $memory = sub { my ($pid) = $nginx->workers; return (slurp("/proc/$pid/status") =~ /VmRSS:\s+(\d+)/)[0] };

    is(ask($nginx, 'hung', $hung->token)->status, 200, 'up');
    my $held = $nginx->client;
    $held->send(text('hung', 'first'));
    my $before = $memory->();
    for my $n (1 .. 8000) {
        my $client = $nginx->client;
        $client->send(text('hung', 'x' x 7000 . $n));
        $client->close;
    }
    is($nginx->get('/open')->status, 204, '8,000 came and went');
    my $grown = $memory->() - $before;
    cmp_ok($grown, '<', 80_000, "and the worker has grown by $grown KB") unless $ENV{SMART_SANITIZED} || $ENV{SMART_VALGRIND};
    is(ask($nginx, 'hung', $hung->token)->status, 200, 'tokens that need no answer are good');
    $nginx->stop('TERM');
}

# --- connections are used again, but not under another issuer's rule

{
    my ($free, $bound) = (issuer(), issuer());
    my $port  = free_port();
    $_->{metadata} = { introspection_endpoint => "http://localhost:$port/introspect" } for $free, $bound;
    $_->serve for $free, $bound;
    my $nginx = run({ FREE => $free->uri, BOUND => $bound->uri, ASKED => $port, EXP => time + 3600 }, <<'EOC', at('free') . at('bound'))->start;
        log_format connection '$connection';
        smart_issuer free  { uri %%FREE%%; audience https://fhir.example.org/r4; introspection opaque; insecure_http on; private_addresses on; }
        smart_issuer bound { uri %%BOUND%%; audience https://fhir.example.org/r4; introspection opaque; insecure_http on; }
        server {
            listen 127.0.0.1:%%ASKED%%;
            listen [::1]:%%ASKED%%;
            access_log %%PREFIX%%/asked.log connection;
            location / { return 200 '{"active":true,"scope":"system/*.rs","client_id":"a","exp":%%EXP%%}'; }
        }
EOC
    my $asked = sub { return split /\n/, slurp($nginx->prefix . '/asked.log') };

    is(ask($nginx, 'free', "free-$_")->status, 200, "asked, $_") for 1 .. 10;
    ok(wait_until(sub { $asked->() == 10 }, 3), 'ten calls');
    my %connections = map { $_ => 1 } $asked->();
    is(scalar(keys %connections), 1, 'on one connection');
    is(ask($nginx, 'bound', 'free-11')->status, 503, 'who may not connect there');
    is(scalar(my @all = $asked->()), 10, 'does not ask over a connection that is there');
    like($nginx->log, qr/"bound": no introspection from .*: the address is not public/, 'and the log says why');
    is(ask($nginx, 'free', 'free-12')->status, 200, 'control: who may does');
}

# --- a file of keys that changes twice within a second, to one of the same size, in place

{
    my $issuer = issuer();
    my $nginx  = run({ ISSUER => $issuer->uri }, 'smart_issuer file { uri %%ISSUER%%; audience https://fhir.example.org/r4; discovery off; jwks_file %%PREFIX%%/keys.json; }', at('file'),
        files => { 'keys.json' => $issuer->jwks('p256') . ' ' })->start;
    my $file   = $nginx->prefix . '/keys.json';
    my $second = int(time) - 100;
    my $write  = sub {
        my ($key, $at) = @_;
        open my $out, '+<', $file or die $!;
        print $out $issuer->jwks($key), $key eq 'p256' ? ' ' : '';
        close $out;
        utime $at, $at, $file;
    };

    is(length($issuer->jwks('p256')) + 1, length $issuer->jwks('p256b'), 'of one size');
    is(ask($nginx, 'file', $issuer->token(key => 'p256'))->status, 200, 'the first key');
    $write->('p256', $second + 0.25);
    sleep 2.3;
    $write->('p256b', $second + 0.75);
    ok(wait_until(sub { ask($nginx, 'file', $issuer->token(key => 'p256b'))->status == 200 }, 4), 'the second is seen');
    is(ask($nginx, 'file', $issuer->token(key => 'p256'))->status, 401, 'and the first is gone');
}

done_testing();
