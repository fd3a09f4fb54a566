//! Which certificates are believed. As docker does: those that an authority signed whom we trust, and those that lie in
//! `certs.d/HOST` themselves, also if they are made to sign others with, as `openssl req -x509` makes them. See RFC 5280, 6.

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

/// Believes by these.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) belief: Belief,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// In whom.
#[derive(Debug)]
pub(super) enum Belief {
    /// Nothing is at stake.
    Anyone,
    /// Whom one of the roots vouches for, or who shows a certificate of the host's own directory.
    These { roots: RootCertStore, own: Vec<CertificateDer<'static>> },
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Belief::These { roots, own } = &self.belief else { return Ok(ServerCertVerified::assertion()) };
        let parsed = ParsedCertificate::try_from(certificate)?;
        match verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, self.algorithms.all) {
            // Its time was looked at before; nobody needs to have signed what the administrator put there.
            Err(error) if is_of_authority(&error) && own.contains(certificate) => {}
            verified => verified?,
        }
        verify_server_name(&parsed, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.belief {
            Belief::Anyone => Ok(HandshakeSignatureValid::assertion()),
            Belief::These { .. } => verify_tls12_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.belief {
            Belief::Anyone => Ok(HandshakeSignatureValid::assertion()),
            Belief::These { .. } => verify_tls13_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a certificate is refused only for being one to sign others with.
pub(super) fn is_of_authority(error: &Error) -> bool {
    // The error's own type belongs to a crate below rustls, and is not to be had from it.
    matches!(error, Error::InvalidCertificate(CertificateError::Other(why)) if why.to_string() == "CaUsedAsEndEntity")
}
