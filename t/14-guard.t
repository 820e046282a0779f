# What is judged is what is sent: every form of proxy_pass either sends what was judged, or answers 500 and sends nothing.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $bundle = { resourceType => 'Bundle', type => 'searchset', entry => [
    { fullUrl => "$base/Observation/o1", resource => { resourceType => 'Observation', id => 'o1',
      status => 'final', code => { text => 'x' }, subject => { reference => 'Patient/p1' } },
      search => { mode => 'match' } } ] };
my $up = upstream(
    qr{Observation/?$}        => { json => $bundle },
    qr{^POST .*/_search$}     => { json => $bundle },
    qr{^PUT /}                => { json => { resourceType => 'Organization', id => 'g1' } },
    qr{/Organization/g1$}     => { json => { resourceType => 'Organization', id => 'g1' } },
    qr{^(?:GET|DELETE|HEAD) } => { json => { resourceType => 'Patient', id => 'p1' } },
);
my $U = '127.0.0.1:%%UPSTREAM%%';

# Each location: a directory of its own, so that smart_base is its path.
my %locations = (
    plain      => "proxy_pass http://$U;",
    uri        => "proxy_pass http://$U/fhir;",
    rewritten  => "rewrite ^/rewritten(/.*)\$ /other\$1 break; smart_base /other; proxy_pass http://$U;",
    rewrite_uri => "rewrite ^/rewrite_uri(/.*)\$ /other\$1 break; smart_base /other; proxy_pass http://$U/fhir/;",
    variable   => "set \$b backend; proxy_pass http://\$b;",
    request    => "set \$b backend; proxy_pass http://\$b\$request_uri;",
    composed   => "set \$b backend; proxy_pass http://\$b\$uri\$is_args\$args;",
    http11     => "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_pass http://$U;",
    upstream   => "proxy_pass http://backend/fhir;",
    limited    => "proxy_method \$request_method; proxy_pass http://$U;",
    host       => "proxy_set_header Host \$host; proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Host \$host; proxy_pass http://$U;",
    emptied    => "proxy_set_header Accept-Encoding ''; proxy_pass http://$U;",
    websocket  => "proxy_http_version 1.1; proxy_set_header Upgrade \$http_upgrade; proxy_set_header Connection \$http_connection; proxy_pass http://$U;",
    unbuffered => "proxy_buffering off; proxy_request_buffering off; proxy_pass http://$U;",
    stripped   => "proxy_set_header X-SMART-Patient ''; smart_context_header patient off; proxy_pass http://$U;",
);
my %bad = (
    frozen     => "set \$q \$request_uri; set \$b backend; proxy_pass http://\$b\$q;",
    dropped    => "set \$b backend; proxy_pass http://\$b\$uri;",
    constant   => "set \$b backend; proxy_pass http://\$b/fhir/Observation;",
    elsewhere  => "set \$b backend; proxy_pass http://\$b/fhir/Patient/p2;",
    appended   => "set \$b backend; proxy_pass http://\$b\$uri?\$args&_include=*;",
    slashes    => "proxy_pass http://$U/;",
    type       => "proxy_pass http://$U/fhir/Patient/p2;",
    compartment => "rewrite ^/compartment(/.*)\$ /Patient/p2\$1 break; smart_base /Patient/p2; proxy_pass http://$U;",
    method     => "proxy_method POST; proxy_pass http://$U;",
    delete     => "proxy_method DELETE; proxy_pass http://$U;",
    body       => "proxy_set_body 'x'; proxy_pass http://$U;",
    spoofed    => "proxy_set_header X-SMART-Patient p2; proxy_pass http://$U;",
    underscore => "proxy_set_header X_SMART_Patient p2; proxy_pass http://$U;",
    suffixed   => "proxy_set_header X-SMART-Patient-Id p2; proxy_pass http://$U;",
    missing    => "proxy_set_header X-SMART-Subject ''; proxy_pass http://$U;",
    override   => "proxy_set_header X-HTTP-Method-Override DELETE; proxy_pass http://$U;",
    basic      => "proxy_set_header Authorization 'Basic eDp5'; proxy_pass http://$U;",
    headerless => "proxy_pass_request_headers off; proxy_pass http://$U;",
    length     => "proxy_set_header Content-Length 10; proxy_pass http://$U;",
    encoding   => "proxy_set_header Transfer-Encoding chunked; proxy_pass http://$U;",
    upgrade    => "proxy_http_version 1.1; proxy_set_header Upgrade h2c; proxy_set_header Connection Upgrade; proxy_pass http://$U;",
    fastcgi    => "fastcgi_pass $U;",
    uwsgi      => "uwsgi_pass $U;",
    scgi       => "scgi_pass $U;",
    grpc       => "grpc_pass grpc://$U;",
    memcached  => "set \$memcached_key \$uri; memcached_pass $U;",
    static     => "root html;",
    stub       => "stub_status;",
    gif        => "empty_gif;",
);
# nginx 1.29.4 and later speak HTTP/2 to upstreams
my ($major, $minor, $patch) = `${\Smart::Nginx::binary()} -v 2>&1` =~ m{nginx/(\d+)\.(\d+)\.(\d+)};
$bad{http2} = "proxy_http_version 2; proxy_pass http://$U;" if $major * 1e6 + $minor * 1e3 + $patch >= 1_029_004;

my $conf = join "\n", map { "location /$_ { smart hospital; " . ($locations{$_} || $bad{$_}) . ' }' }
    sort keys %locations, keys %bad;

my $nginx = nginx(
    vars  => { UPSTREAM => $up->port, ISSUER => $issuer->uri },
    files => { 'html/static/Observation' => 'secret', 'html/static/Patient/p1' => 'secret' },
    allow => [qr/is not what was judged, nothing is sent/],
    conf  => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    upstream backend { server $U; }
    server {
        listen 127.0.0.1:%%PORT%%;
        $conf
    }
EOC

my $token = $issuer->token(scope => 'patient/*.rs', patient => 'p1', sub => 'u1');

for my $form (sort keys %locations) {
    my $r = $nginx->get("/$form/Observation?code=a%7Cb", bearer => $token);
    is($r->status, 200, "$form: search") || diag($r->raw, $nginx->log);
    upstream_got($up, 1, "$form: one request");
    is($up->last->query, 'code=a%7Cb&patient=p1', "$form: narrowed");
    like($up->last->path, qr{/Observation$}, "$form: path");
    is($up->last->header('Authorization'), undef, "$form: no token");
    is($up->last->header('X-SMART-Subject'), 'u1', "$form: context");
    $up->clear;

    $r = $nginx->get("/$form/Patient/p1", bearer => $token);
    is($r->status, 200, "$form: read");
    like($up->last->path, qr{/Patient/p1$}, "$form: path of a read");
    $up->clear;

    is($nginx->get("/$form/Observation?code=a&patient=p2", bearer => $token)->status, 403, "$form: another patient");
    upstream_got($up, 0, "$form: nothing sent");
}

for my $form (sort keys %bad) {
    $nginx->mark;
    my $r = $nginx->get("/$form/Observation?code=a", bearer => $token);
    outcome_is($r, 500, 'exception', "$form: 500");
    unlike($r->raw, qr/secret|GIF|Active/, "$form: nothing released");
    upstream_got($up, 0, "$form: nothing sent");
    like($nginx->log_since_mark, qr/\[alert\].*location "[^"]*$form".*"smart" is in [^ ]*nginx\.conf:\d+/, "$form: the directive is named");
    unlike($nginx->log_since_mark, qr/\[alert\].*code=a/, "$form: the request is not");
}

# the compound cases: methods and bodies
my $system = $issuer->token(scope => 'system/*.cruds', sub => 'u1');
my @form   = ('Content-Type' => 'application/x-www-form-urlencoded');
my @json   = ('Content-Type' => 'application/fhir+json');
my $body   = '{"resourceType":"Organization","id":"g1"}';

for my $form (qw(plain uri composed http11 unbuffered limited)) {
    my $r = $nginx->request('PUT', "/$form/Organization/g1", bearer => $system, headers => \@json, body => $body);
    is($r->status, 200, "$form: PUT") || diag($r->raw);
    is($up->last->method, 'PUT', "$form: PUT sent");
    is($up->last->body, $body, "$form: its body");
    $up->clear;

    $r = $nginx->request('PUT', "/$form/Organization/g1", bearer => $system, headers => \@json, chunked => [ substr($body, 0, 10), substr($body, 10) ]);
    is($r->status, 200, "$form: chunked PUT") || diag($r->raw);
    is($up->last->body, $body, "$form: its body");
    $up->clear;

    $r = $nginx->post("/$form/Observation/_search", bearer => $token, headers => \@form, body => 'code=a');
    is($r->status, 200, "$form: POST _search") || diag($r->raw);
    is($up->last->body, 'code=a&patient=p1', "$form: narrowed body");
    is($up->last->header('Content-Length'), 17, "$form: its length");
    is($up->last->query, undef, "$form: no query");
    $up->clear;
}
for my $form (qw(method body delete)) {
    for my $method (qw(PUT DELETE)) {
        next if $form eq 'delete' && $method eq 'DELETE';
        my $r = $nginx->request($method, "/$form/Organization/g1", bearer => $system, $method eq 'PUT' ? (headers => \@json, body => $body) : ());
        outcome_is($r, 500, 'exception', "$form: $method");
    }
    my $r = $nginx->post("/$form/Observation/_search", bearer => $token, headers => \@form, body => 'code=a');
    $form eq 'method' ? is($r->status, 200, 'POST is POST') : outcome_is($r, 500, 'exception', "$form: POST _search");
}
$up->wait_requests(1, 1);
is(join(' ', map { $_->method . ' ' . $_->target } $up->requests), 'POST /method/Observation/_search', 'nothing but the one that was judged');
$up->clear;

# HEAD under a check is GET upstream; without one it stays HEAD
my $r = $nginx->head('/uri/Patient/p1', bearer => $system);
is($r->status, 200, 'HEAD');
is($r->body, '', 'no body');
is($up->last->method, 'HEAD', 'without a check HEAD stays');
$up->clear;
$r = $nginx->head('/uri/Observation?code=a', bearer => $token);
is($r->status, 200, 'HEAD of a search');
is($up->last->method, 'GET', 'under a check it is asked as GET');
$up->clear;
$r = $nginx->head('/limited/Observation?code=a', bearer => $token);
is($up->last ? $up->last->method : '', 'GET', 'proxy_method $request_method');

done_testing();
