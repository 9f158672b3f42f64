// The parts of libcrypto that Sources/Crypto/OpenSSL calls.
#pragma once
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

// Names of parameters. An OSSL_PARAM keeps the pointer to its name, so the name has to outlive
// it; these do, where the String that Swift makes of the macro would not.
static const char *const openssl_param_digest = OSSL_ALG_PARAM_DIGEST;
static const char *const openssl_param_key = OSSL_KDF_PARAM_KEY;
static const char *const openssl_param_salt = OSSL_KDF_PARAM_SALT;
static const char *const openssl_param_info = OSSL_KDF_PARAM_INFO;
static const char *const openssl_name_sha256 = "SHA256";
