# A resolver that never answers holds up nobody but those who need it, and no worker.
#
# In a mount namespace of its own nginx sees an /etc/resolv.conf that names a socket which is bound and silent.

use strict;
use warnings;
use lib 't/lib';
use IO::Socket::INET;
use Smart::Test;
use Time::HiRes qw(sleep time);

my $silent = IO::Socket::INET->new(LocalAddr => '127.53.53.53', LocalPort => 53, Proto => 'udp');

plan skip_all => 'needs port 53 of a loopback address' unless $silent;
plan skip_all => 'needs a mount namespace' if system('unshare -m --propagation unchanged true 2>/dev/null');

my $dir = File::Temp->newdir;
my $up  = upstream('GET /fhir/Organization/o1' =>
        { json => { resourceType => 'Organization', id => 'o1' } });
my $issuer = issuer();

spew("$dir/resolv.conf", "nameserver 127.53.53.53\noptions timeout:5 attempts:3\n");
spew("$dir/nsswitch.conf", "hosts: files dns\n");
spew("$dir/hosts", "127.0.0.1 localhost\n::1 two.example\n127.0.0.1 two.example\n");
my $mount = join ' && ', map { "mount --bind $dir/$_ /etc/$_" } grep { -e "/etc/$_" } qw(resolv.conf nsswitch.conf hosts);
my $private = 'mount --make-rprivate / 2>/dev/null; ';    # in a chroot there is nothing to make private
my $binary  = Smart::Nginx::binary();
spew("$dir/nginx", <<"EOC");
#!/bin/sh
exec unshare -m --propagation unchanged sh -c '$private$mount && exec $binary "\$@"' nginx "\$@"
EOC
chmod 0755, "$dir/nginx";
local $ENV{SMART_NGINX} = "$dir/nginx";

my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<'EOC');
    smart_issuer good { uri %%ISSUER%%; audience https://fhir.example.org/r4; }
    smart_issuer hung { uri https://auth.hung.example; audience https://fhir.example.org/r4; timeout 1s; }
    server {
        listen 127.0.0.1:%%PORT%%;
        location /good { smart good; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /hung { smart hung; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
EOC

my $hung = $issuer->token(iss => 'https://auth.hung.example');

is($nginx->get('/good/Organization/o1', bearer => $issuer->token)->status, 200, 'the good issuer works');
is($nginx->get('/hung/Organization/o1', bearer => $hung)->status, 503, 'the other has no keys');

# Over several time-outs of the fetch: a worker that waits for the resolver (15 seconds) answers nobody.
my $client  = $nginx->client;
my $until   = time + 5;
my ($n, $bad) = (0, 0);
while (time < $until) {
    my $waiting = $nginx->client;
    $waiting->send("GET /hung/Organization/o1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $hung\r\n\r\n");
    $bad++ if $client->get('/good/Organization/o1', bearer => $issuer->token)->status != 200;
    $n++;
    sleep 0.05;
    $waiting->close;
}
cmp_ok($n, '>', 20, "$n requests meanwhile");
is($bad, 0, 'all of them answered');
like($nginx->log, qr/smart_issuer "hung": no metadata/, 'the log names the issuer that hangs');

$nginx->stop;
ok(recv($silent, my $query, 512, 0), 'the resolver was asked');

# --- a name with two addresses, the first of which refuses: the next is taken, and nobody's socket is touched

{
    my $two = issuer(metadata => {});
    my $uri = 'http://two.example:' . $two->port;

    $two->{metadata} = { issuer => $uri, jwks_uri => "$uri/jwks" };
    $two->serve;
    for my $n (1 .. 3) {
        my $at = nginx(vars => { UPSTREAM => $up->port, URI => $uri }, conf => <<'EOC');
            smart_issuer two { uri %%URI%%; audience https://fhir.example.org/r4; insecure_http on; private_addresses on; }
            server {
                listen 127.0.0.1:%%PORT%%;
                location /r4 { smart two; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
            }
EOC
        is($at->get('/r4/Organization/o1', bearer => $two->token(iss => $uri))->status, 200, "two addresses, $n")
            || diag $at->log;
    }
}

done_testing();
