#!/usr/bin/perl
# Every file of conf-examples/ is loaded by nginx, and each of its `# try:` lines is done and answered as it says.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);

my $audience = 'https://fhir.example.org/r4';
my %issuer = (own => issuer(audience => $audience), other => issuer(audience => $audience, path => '/oauth2'),
    unknown => issuer(audience => $audience, path => '/nobody'));
my $up = upstream(qr{^GET } => \&answer);
my $handles = 0;

# The issuer is a process of its own, which reads there what to say.
my $said = File::Temp->new->filename;
$issuer{own}{introspect} = sub {
    my ($token) = $_[0]->body =~ /^token=([^&]*)/;
    return { json => JSON::PP::decode_json(slurp($said) || '{}')->{$token} || { active => JSON::PP::false } };
};
$issuer{own}->serve;
my @files = sort glob 'conf-examples/*.conf';

ok(@files > 5, 'there are examples');
for my $file (@files) {
    subtest $file => sub { example($file) };
}
my ($readme) = slurp('conf-examples/README.md');
like($readme, qr/\Q($_)\E/, "$_ is in the table") for map { m{([^/]+)$} } @files;
done_testing();

# What the FHIR server says: an instance, or a searchset, always of patient p1.
sub answer {
    my ($request) = @_;
    my ($type, $id) = $request->path =~ m{/([A-Z]\w+)(?:/([^/]+))?$};

    return { json => { resourceType => 'CapabilityStatement' } } if !$type;
    return { json => resource($type, $id) } if defined $id;
    return { json => { resourceType => 'Bundle', type => 'searchset', entry => [{ resource => resource($type, 'x1') }] } };
}

sub resource {
    my ($type, $id) = @_;

    return { resourceType => $type, id => $id, subject => { reference => 'Patient/p1' } };
}

sub example {
    my ($file) = @_;
    my $text = slurp($file);
    my @tries = $text =~ /^# try: (.*)$/mg;
    my %to = (
        'https://auth.example.org/realms/fhir' => $issuer{own}->uri,
        'https://login.example.net/oauth2'     => $issuer{other}->uri,
        'http://127.0.0.1:8080'                => $up->url,
        '/etc/nginx/smart/'                    => '%%PREFIX%%/smart/',
    );

    ok(@tries, 'has lines to try');
    $text =~ s/\Q$_\E/$to{$_}/g for keys %to;
    $text =~ s/listen +80;/listen 127.0.0.1:%%PORT%%;/g;
    my $nginx = nginx(conf => $text, files => { 'smart/partner.jwks.json' => $issuer{own}->jwks, 'logs/empty' => '',
        'smart/client.secret' => "s3cret\n", 'smart/client.key' => Smart::Issuer::key('rsa')->export_key_pem('private') });
    try($nginx, $_) for @tries;
    $nginx->stop;
}

sub try {
    my ($nginx, $line) = @_;
    my ($who, $method, $path, $status, $sent, $with)
        = $line =~ m{^(.*?)\s+(GET|POST|PUT|DELETE)\s+(\S+)\s+=>\s+(\d+)(?:\s+upstream\s+(\S+\s+\S+))?(?:\s+with\s+(.*))?$}
        or return fail("understood: $line");

    $up->clear;
    my $r = $nginx->request($method, $path, bearer($who));
    is($r->status, $status, $line);
    my ($got) = $sent ? $up->wait_requests(1) : $up->requests;
    is($got ? $got->method . ' ' . $got->target : 'nothing', $sent // 'nothing', '  and this is sent');
    for (split ' ', $with // '') {
        my ($header, $value) = split /=/, $_, 2;
        is($got && $got->header($header), $value =~ tr/_/ /r, "  with $header");
    }
}

# "patient/*.rs patient=p1 iss=other": scopes, then claims; "claim:<any name>=v", "in:<outer>/<inner>=v" as well. "none": no token. With "opaque:active"
# or "jwt:inactive" in front, all of that is what the issuer says when it is asked about the token.
sub bearer {
    my ($who) = @_;

    return () if $who eq 'none';
    my ($kind, $active) = $who =~ s/^(opaque|jwt):(active|inactive)\b// ? ($1, $2) : ();
    my (%claim, @scope);
    for (split ' ', $who) {
        if (/^in:(.*)=(.*)$/) {
            my ($value, @path) = ($2, split m{/}, $1);
            $value = { $_ => $value } for reverse @path[1 .. $#path];
            $claim{$path[0]} = $value;
        }
        elsif (/^claim:(.*)=(.*)$/ || /^([a-zA-Z_]+)=(.*)$/) { $claim{$1} = $2 }
        else                                                 { push @scope, $_ }
    }
    my $from = $issuer{delete($claim{iss}) // 'own'};
    my $ctx  = delete $claim{ctx};

    $claim{ext} = { launch_response_patient => $ctx } if defined $ctx;
    $claim{scope} = @scope ? "@scope" : undef;
    return (bearer => $kind ? asked($from, $kind, $active, %claim) : $from->token(%claim));
}

sub asked {
    my ($from, $kind, $active, %claim) = @_;
    my $token = $kind eq 'jwt' ? $from->token(scope => undef) : 'handle-' . ++$handles;
    my $json  = $active eq 'active' ? { active => JSON::PP::true, exp => time + 300, client_id => 'app', %claim } : { active => JSON::PP::false };

    spew($said, JSON::PP::encode_json({ $token => $json }));
    return $token;
}
