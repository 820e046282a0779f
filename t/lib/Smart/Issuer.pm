package Smart::Issuer;

# An authorisation server on loopback http: its documents, its keys, its tokens, its faults.
#
#   my $issuer = Smart::Issuer->new(audience => 'https://fhir.example.org/r4');
#   smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; }
#                                                     with vars => { ISSUER => $issuer->uri }
#   my $token = $issuer->token(scope => 'patient/Observation.rs', patient => 'p1');
#
# token() claims by default iss, aud, exp (+300 s), iat, sub, client_id, jti, scope (options `scope`
# and `audience` of new); a claim given as undef is left out. These names are not claims:
#
#   alg => 'ES384'            default: of the key
#   key => 'p384'             rsa rsa2 p256 p384 p521 ed25519 (and p256b): default rsa;
#                             or a Crypt::PK object; or bytes for HS256
#   header => { typ => 'JWT', kid => undef }      over typ at+jwt and the key's kid; undef leaves out
#   payload => bytes          instead of claims, as they are
#
# forge(header => bytes, payload => bytes, alg => .., key => .., signature => bytes) signs raw strings:
# nothing is checked, encoded or added but base64url. sign(alg, key, bytes) gives the raw signature.
#
# Options of new: path => '/realms/x' (uri = origin + path), audience, scope, keys => [names of the
# published keys] (default: all but rsa2 and p256b), metadata => {over the OpenID and RFC 8414
# documents; undef deletes}.
#
#   $issuer->uri, ->origin, ->port, ->jwks_uri, ->kid('p384'), ->jwk('p384'), ->jwks (bytes)
#   $issuer->publish('rsa2', 'p384')         other keys from now on
#   $issuer->answer(jwks => { delay => 1, status => 500 })   an answer of Smart::Upstream instead of
#       a document: openid, oauth, smart, jwks, introspect; undef restores it. The document's own
#       body stays unless body, json or raw is given. introspect has no answer of its own:
#       $issuer->{introspect} = sub { my ($request) = @_; return {...} } and ->serve gives it one
#   $issuer->gets('jwks')                    how often it was fetched;  ->requests: all of them
#
# Keys are made once and kept below build/t/keys: they protect nothing.

use strict;
use warnings;
use Crypt::JWT ();
use Crypt::Mac::HMAC ();
use Crypt::PK::ECC;
use Crypt::PK::Ed25519;
use Crypt::PK::RSA;
use Cwd qw(abs_path);
use Digest::SHA ();
use Fcntl qw(:flock);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);
use Smart::Upstream;

my %kinds = (
    rsa     => ['RSA',     'RS256'],
    rsa2    => ['RSA',     'RS256'],
    p256    => ['ECC',     'ES256', 'secp256r1'],
    p256b   => ['ECC',     'ES256', 'secp256r1'],
    p384    => ['ECC',     'ES384', 'secp384r1'],
    p521    => ['ECC',     'ES512', 'secp521r1'],
    ed25519 => ['Ed25519', 'EdDSA'],
);
my @published = qw(rsa p256 p384 p521 ed25519);
my %keys;
my $serial = 0;

sub new {
    my ($class, %options) = @_;
    my $self = bless {
        path     => '',
        audience => 'https://fhir.example.org/r4',
        scope    => 'system/*.rs',
        keys     => [@published],
        metadata => {},
        answers  => {},
        %options,
        server => Smart::Upstream->new,
    }, $class;

    $self->serve;
    return $self;
}

sub port     { $_[0]{server}->port }
sub origin   { $_[0]{server}->url }
sub uri      { $_[0]->origin . $_[0]{path} }
sub jwks_uri { $_[0]->uri . '/jwks' }
sub requests { $_[0]{server}->requests }
sub server   { $_[0]{server} }

# --- keys

sub key {
    my ($name) = @_;

    return $name if ref $name || !exists $kinds{$name};
    return $keys{$name} ||= stored_key($name);
}

sub stored_key {
    my ($name) = @_;
    my $build = $ENV{SMART_BUILD} || abs_path(dirname(__FILE__) . '/../../..') . '/build';
    my $path  = "$build/t/keys/$name.pem";

    make_path(dirname($path));
    open my $lock, '>', "$path.lock" or die "$path.lock: $!";
    flock $lock, LOCK_EX;
    my $class = "Crypt::PK::$kinds{$name}[0]";
    return $class->new($path) if -s $path;

    my $key = make_key($name);
    open my $out, '>', "$path.new" or die "$path.new: $!";
    print $out $key->export_key_pem('private');
    close $out;
    rename "$path.new", $path;
    return $key;
}

sub make_key {
    my ($name) = @_;
    my ($type, undef, $curve) = @{ $kinds{$name} };
    my $key = "Crypt::PK::$type"->new;

    return $key->generate_key(256, 65537) if $type eq 'RSA';
    return $key->generate_key($curve) if $type eq 'ECC';
    return $key->generate_key;
}

sub kid { my (undef, $name) = @_; return "$name-key" }

# The public JWK, with kid, use and alg; members given are set, undef deletes.
sub jwk {
    my ($self, $name, %over) = @_;
    my $jwk = key($name)->export_key_jwk('public', 1);
    my %jwk = (%$jwk, kid => $self->kid($name), use => 'sig', alg => $kinds{$name}[1], %over);

    # RSA keys serve PS and other RS algorithms as well
    delete $jwk{alg} if $jwk{kty} eq 'RSA' && !exists $over{alg};
    defined $jwk{$_} or delete $jwk{$_} for keys %jwk;
    return \%jwk;
}

sub jwks {
    my ($self, @names) = @_;

    return encode({ keys => [map { ref $_ ? $_ : $self->jwk($_) } @names ? @names : @{ $self->{keys} }] });
}

# --- documents

# Names, or whole JWKs.
sub publish {
    my ($self, @keys) = @_;

    $self->{keys} = \@keys;
    return $self->serve;
}

sub answer {
    my ($self, %answers) = @_;

    $self->{answers}{$_} = $answers{$_} for keys %answers;
    return $self->serve;
}

sub paths {
    my ($self) = @_;
    my $path = $self->{path};

    return (
        openid     => "$path/.well-known/openid-configuration",
        oauth      => "/.well-known/oauth-authorization-server$path",
        smart      => "$path/.well-known/smart-configuration",
        jwks       => "$path/jwks",
        introspect => "$path/introspect",
    );
}

sub metadata {
    my ($self) = @_;
    my $uri = $self->uri;
    my %metadata = (
        issuer                   => $uri,
        jwks_uri                 => $self->jwks_uri,
        authorization_endpoint   => "$uri/authorize",
        token_endpoint           => "$uri/token",
        introspection_endpoint   => "$uri/introspect",
        response_types_supported => ['code'],
        subject_types_supported  => ['public'],
        grant_types_supported    => ['authorization_code', 'client_credentials'],
        code_challenge_methods_supported      => ['S256'],
        capabilities                          => ['permission-v2'],
        id_token_signing_alg_values_supported => ['RS256'],
        %{ $self->{metadata} },
    );

    defined $metadata{$_} or delete $metadata{$_} for keys %metadata;
    return \%metadata;
}

sub serve {
    my ($self) = @_;
    my %paths = $self->paths;
    my %body  = (
        (map { $_ => encode($self->metadata) } qw(openid oauth smart)),
        jwks => $self->jwks,
    );
    my @rules;

    for my $name (sort keys %paths) {
        my $answer = $self->{answers}{$name};
        if ($name eq 'introspect' && !$answer && $self->{introspect}) {
            push @rules, "POST $paths{$name}" => $self->{introspect};
            next;
        }
        next unless $answer || defined $body{$name};
        push @rules, qr/^(?:GET|HEAD|POST) \Q$paths{$name}\E$/ => {
            headers => ['Content-Type' => 'application/json'],
            body    => $body{$name},
            %{ $answer || {} },
        };
    }
    $self->{server}->set(@rules);
    return $self;
}

# The network ends here: connections are refused from now on.
sub vanish {
    my ($self) = @_;

    $self->{server}->shut;
    return;
}

sub gets {
    my ($self, $name) = @_;
    my %paths = $self->paths;

    return scalar grep { defined $_->path && $_->path eq $paths{$name} } $self->requests;
}

# --- tokens

sub token {
    my ($self, %claims) = @_;
    my %how    = map { $_ => delete $claims{$_} } qw(alg key header payload);
    my $name   = defined $how{key} ? $how{key} : 'rsa';
    my $known  = !ref $name && exists $kinds{$name};
    my $alg    = $how{alg} || ($known ? $kinds{$name}[1] : 'HS256');
    my %header = (alg => $alg, typ => 'at+jwt', $known ? (kid => $self->kid($name)) : (),
        %{ $how{header} || {} });

    defined $header{$_} or delete $header{$_} for keys %header;
    return $self->forge(
        header  => encode(\%header),
        payload => defined $how{payload} ? $how{payload} : encode($self->claims(%claims)),
        alg     => $alg,
        key     => $name,
    );
}

sub claims {
    my ($self, %over) = @_;
    my $now    = time;
    my %claims = (
        iss       => $self->uri,
        aud       => $self->{audience},
        exp       => $now + 300,
        iat       => $now,
        sub       => 'user-1',
        client_id => 'app',
        jti       => "$$-" . ++$serial,
        scope     => $self->{scope},
        %over,
    );

    defined $claims{$_} or delete $claims{$_} for keys %claims;
    return \%claims;
}

sub forge {
    my ($self, %part) = @_;
    my $input = join '.', map { encode_base64url($_, '') } @part{qw(header payload)};
    my $signature = exists $part{signature} ? $part{signature}
        : sign($part{alg} || 'RS256', $part{key} || 'rsa', $input);

    return defined $signature ? "$input." . encode_base64url($signature, '') : $input;
}

# The raw signature over the bytes. The key need not fit what its algorithm asks for elsewhere.
sub sign {
    my ($alg, $name, $input) = @_;
    my $key = key($name);
    my ($family, $bits) = $alg =~ /^(RS|PS|ES|HS)(256|384|512)$/;

    return ''                        if $alg eq 'none';
    return $key->sign_message($input) if $alg eq 'EdDSA';
    die "unknown alg $alg\n" unless $family;
    return $key->sign_message($input, "SHA$bits", 'v1.5') if $family eq 'RS';
    return $key->sign_message($input, "SHA$bits", 'pss', $bits / 8) if $family eq 'PS';
    return $key->sign_message_rfc7518($input, "SHA$bits") if $family eq 'ES';
    return Crypt::Mac::HMAC::hmac("SHA$bits", $key, $input);
}

sub encode {
    my ($data) = @_;

    return JSON::PP->new->utf8->canonical->encode($data);
}

1;
