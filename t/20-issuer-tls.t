# Whom the module talks to: certificate, name, revocation; and through a proxy, by CONNECT.

use strict;
use warnings;
use lib 't/lib';
use IO::Select;
use IO::Socket::INET;
use Smart::Test;

my $dir = File::Temp->newdir;

sub openssl {
    system("cd $dir && openssl $_[0] >/dev/null 2>&1") == 0 or die "openssl $_[0]";
}

spew("$dir/ca.cnf", <<'EOC');
[ca]
default_ca = one
[one]
database = index.txt
serial = serial
default_md = sha256
default_crl_days = 2
EOC
spew("$dir/index.txt", '');
spew("$dir/serial",    "1000\n");

my $key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
openssl("req -x509 $key -keyout $_.key -out $_.pem -subj /CN=$_ -days 2") for qw(ca stranger);
for my $name (qw(localhost auth.hospital.example)) {
    openssl("req $key -keyout $name.key -out $name.csr -subj /CN=$name");
    spew("$dir/$name.ext", "subjectAltName=DNS:$name\n");
    openssl("x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $name.ext -out $name.pem");
}
openssl('ca -config ca.cnf -cert ca.pem -keyfile ca.key -gencrl -out empty.crl');
openssl('ca -config ca.cnf -cert ca.pem -keyfile ca.key -revoke localhost.pem');
openssl('ca -config ca.cnf -cert ca.pem -keyfile ca.key -gencrl -out revoked.crl');

my $up = upstream('GET /fhir/Organization/o1' =>
        { json => { resourceType => 'Organization', id => 'o1' } });

# An issuer at https://$host, its TLS by nginx itself.
sub run {
    my ($host, $entries, $certificate, $jwks_uri) = @_;
    my $port   = free_port();
    my $uri    = "https://$host:$port";
    my $issuer = issuer(metadata => { issuer => $uri, jwks_uri => $jwks_uri || "$uri/jwks" });
    my $nginx  = nginx(
        vars => { UPSTREAM => $up->port, URI => $uri, BEHIND => $issuer->origin, TLS => $port, DIR => "$dir" },
        conf => <<"EOC");
        smart_issuer hospital { uri %%URI%%; audience https://fhir.example.org/r4; $entries }
        server {
            listen 127.0.0.1:%%PORT%%;
            location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        }
        server {
            listen 127.0.0.1:%%TLS%% ssl;
            ssl_certificate %%DIR%%/$certificate.pem;
            ssl_certificate_key %%DIR%%/$certificate.key;
            location / { proxy_pass %%BEHIND%%; }
        }
EOC

    return ($nginx->get('/r4/Organization/o1', bearer => $issuer->token(iss => $uri))->status,
        $nginx, $issuer, $port);
}

sub good {
    my ($name, @how) = @_;
    my ($status, $nginx) = run(@how);

    is($status, 200, $name) || diag $nginx->log;
}

sub bad {
    my ($name, $log, @how) = @_;
    my ($status, $nginx, $issuer) = run(@how);

    is($status, 503, $name);
    like($nginx->log, $log, "$name: the log says why");
    is(scalar(() = $issuer->requests), 0, "$name: nothing was asked");
}

my $ours = 'trusted_certificate %%DIR%%/ca.pem;';

good('a certificate of ours', 'localhost', $ours, 'localhost');
bad('a certificate of nobody we know', qr/certificate|SSL/, 'localhost', '', 'localhost');
bad('roots of ours are instead of the system\'s', qr/certificate|SSL/, 'localhost',
    'trusted_certificate %%DIR%%/stranger.pem;', 'localhost');
bad('a certificate for another name', qr/certificate|SSL/, 'localhost', $ours, 'auth.hospital.example');
bad('a certificate for no address', qr/certificate|SSL/, '127.0.0.1', $ours, 'localhost');
good('nothing revoked', 'localhost', "$ours crl %%DIR%%/empty.crl;", 'localhost');
bad('a revoked certificate', qr/certificate|SSL/, 'localhost', "$ours crl %%DIR%%/revoked.crl;", 'localhost');

# --- a proxy: it knows the names, and it has the last word on nothing

my $proxy_port = free_port();
my $seen       = "$dir/proxy.log";

sub relay {
    my ($one, $other) = @_;
    my $select = IO::Select->new($one, $other);

    while (my @ready = $select->can_read(10)) {
        for my $from (@ready) {
            return unless sysread $from, my $bytes, 65536;
            syswrite $from == $one ? $other : $one, $bytes;
        }
    }
}

sub proxy {
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $proxy_port, Listen => 16, ReuseAddr => 1)
        or die "proxy: $!";

    spew($seen, '');
    return Smart::Process::spawn('proxy', sub {
        while (my $client = $listen->accept) {
            my $head = '';
            sysread $client, $head, 1, length $head until $head =~ /\r\n\r\n$/;
            open my $out, '>>', $seen;
            syswrite $out, $head;
            my ($port) = $head =~ /^CONNECT \S+:(\d+) /;
            my $there = $port && IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
            syswrite $client, $there ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 502 No\r\n\r\n";
            relay($client, $there) if $there;
        }
    });
}

proxy();
my $through = "$ours proxy http://127.0.0.1:$proxy_port;";

{
    my ($status, $nginx, undef, $port) = run('auth.hospital.example', $through, 'auth.hospital.example');

    is($status, 200, 'through a proxy to a name that only the proxy knows') || diag $nginx->log;
    like(slurp($seen), qr/^CONNECT auth\.hospital\.example:$port HTTP/, 'by CONNECT');
    unlike(slurp($seen), qr/^GET/m, 'and nothing else');
}

bad('the proxy does not vouch for the certificate', qr/certificate|SSL/, 'auth.hospital.example', $through, 'localhost');

{
    spew($seen, '');
    my ($status, $nginx) = run('auth.hospital.example', $through, 'auth.hospital.example', 'https://10.1.2.3/jwks');

    is($status, 503, 'a private address, discovered, through a proxy');
    like($nginx->log, qr/may be fetched/, 'is refused');
    unlike(slurp($seen), qr/10\.1\.2\.3/, 'before the proxy is asked for it');

    ($status, $nginx) = run('10.1.2.3', $through, 'localhost');
    like(slurp($seen), qr/^CONNECT 10\.1\.2\.3:/m, 'a configured one needs no leave');
}

done_testing();
