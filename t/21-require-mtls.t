# smart_require with mutual TLS: a token is of use only to the client whose certificate belongs to it.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

plan skip_all => 'no curl with TLS' if `curl --version 2>/dev/null` !~ /^Features:.*\bSSL\b/m;

my $dir = File::Temp->newdir;
my $up  = upstream(qr{^GET /} => { json => { resourceType => 'Organization', id => 'o1' } });
my $issuer = issuer();

sub openssl { system("cd $dir && openssl $_[0] >/dev/null 2>&1") == 0 or die "openssl $_[0]" }

# Two CAs; each vouches for an app-1, ours for an app-2 and for the server, too.
my $key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
openssl("req -x509 $key -keyout $_.key -out $_.pem -subj /CN=$_ -days 2") for qw(ours other);
for (['server', 'ours', 'localhost'], ['app-1', 'ours', 'app-1'], ['app-2', 'ours', 'app-2'], ['stranger', 'other', 'app-1']) {
    my ($name, $ca, $cn) = @$_;
    openssl("req $key -keyout $name.key -out $name.csr -subj /CN=$cn");
    spew("$dir/$name.ext", "subjectAltName=DNS:$cn\n");
    openssl("x509 -req -in $name.csr -CA $ca.pem -CAkey $ca.key -CAcreateserial -days 2 -extfile $name.ext -out $name.pem");
}

my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri, DIR => "$dir" }, conf => <<'EOC');
    smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; }
    map "$ssl_client_verify:$smart_client_id:$ssl_client_s_dn" $own_certificate { "~^SUCCESS:([^:]+):CN=\1$" 1; }
    map "$ssl_client_verify:$ssl_client_fingerprint:$smart_claim_fingerprint" $same_fingerprint { "~^SUCCESS:([0-9a-f]{40}):\1$" 1; }
    server {
        listen 127.0.0.1:%%PORT%% ssl;
        ssl_certificate %%DIR%%/server.pem;
        ssl_certificate_key %%DIR%%/server.key;
        ssl_client_certificate %%DIR%%/ours.pem;
        ssl_verify_client optional_no_ca;
        location /r4    { smart hospital; smart_require $own_certificate error=403; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /print { smart hospital; smart_require $same_fingerprint; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /any   { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
EOC

# Status, issue code and challenge of GET $path/Organization/o1 as the holder of a certificate ('' for none); what the FHIR server received.
sub ask {
    my ($certificate, $path, $token, @more) = @_;
    my @as = $certificate ? ('--cert', "$dir/$certificate.pem", '--key', "$dir/$certificate.key") : ();

    $up->clear;
    open my $pipe, '-|', 'curl', '-s', '-i', '--max-time', 10, '--cacert', "$dir/ours.pem", @as, '-H', "Authorization: Bearer $token", @more,
        'https://localhost:' . $nginx->port . "$path/Organization/o1" or die;
    my $text = join '', <$pipe>;
    close $pipe;
    my ($status) = $text =~ m{^HTTP/1\.1 (\d+)};
    my ($code)   = $text =~ /"code":"([\w-]+)"/;
    return join ' ', $status // 'nothing', $code // '-';
}

sub denied {
    my ($name, $expected, @how) = @_;

    is(ask(@how), $expected, $name);
    upstream_got($up, 0, "$name: nothing was sent");
}

sub allowed {
    my ($name, @how) = @_;

    is(ask(@how), '200 -', $name) || diag $nginx->log;
    upstream_got($up, 1, "$name: it was sent");
}

# --- the name in the certificate is the token's client

my $one = $issuer->token(client_id => 'app-1');
my $two = $issuer->token(client_id => 'app-2');

for my $round (1, 2) {    # verified, then from the token cache
    allowed("its own certificate, $round", 'app-1', '/r4', $one);
    denied("another client's, $round", '403 forbidden', 'app-2', '/r4', $one);
    denied("none, $round", '403 forbidden', '', '/r4', $one);
    denied("one of that name by a stranger, $round", '403 forbidden', 'stranger', '/r4', $one);
}
allowed("the other client's token with the other certificate", 'app-2', '/r4', $two);
allowed('control: where nothing is required, another certificate', 'app-2', '/any', $one);
allowed('control: and none', '', '/any', $one);
denied('a token without a client', '403 forbidden', 'app-1', '/r4', $issuer->token(client_id => undef));
denied('a name that holds another', '403 forbidden', 'app-1', '/r4', $issuer->token(client_id => 'app-1:CN=app-2'));
denied('headers change nothing', '403 forbidden', 'app-2', '/r4', $one, '-H', 'X-SSL-Client-S-DN: CN=app-1', '-H', 'SSL_CLIENT_S_DN: CN=app-1');

# --- a claim of the token says which certificate

my ($print) = map { lc s/://gr } `openssl x509 -in $dir/app-1.pem -noout -fingerprint -sha1` =~ /=([0-9A-F:]+)/;
my $bound = $issuer->token(fingerprint => $print);

allowed('the certificate of the claim', 'app-1', '/print', $bound);
denied('another', '401 login', 'app-2', '/print', $bound);
denied('none', '401 login', '', '/print', $bound);
denied('a claim of something else', '401 login', 'app-1', '/print', $issuer->token(fingerprint => 'f' x 40));
denied('no claim', '401 login', 'app-1', '/print', $issuer->token);
allowed('control: no claim where nothing is required', 'app-1', '/any', $issuer->token);

# --- one connection, two tokens: each request is asked

{
    $up->clear;
    my $url = 'https://localhost:' . $nginx->port . '/r4/Organization/o1';
    my @as  = ('-s', '--max-time', 10, '--cacert', "$dir/ours.pem", '--cert', "$dir/app-1.pem", '--key', "$dir/app-1.key", '-o', '/dev/null', '-w', '%{http_code}.%{num_connects} ');
    open my $pipe, '-|', 'curl', @as, '-H', "Authorization: Bearer $one", $url, '--next', @as, '-H', "Authorization: Bearer $two", $url, '--next', @as, '-H', "Authorization: Bearer $one", $url or die;
    my $text = join '', <$pipe>;
    close $pipe;
    is($text, '200.1 403.0 200.0 ', 'on one connection');
    upstream_got($up, 2, 'on one connection: what was sent');
}

done_testing();
