//! Estimates of gender and age on the wire.

use super::{WireError, digest, digest_bytes, proto, required};
use crate::{GenderAge, GenderAgeContract, GenderAges};

impl From<&GenderAgeContract> for proto::GenderAgeContract {
    fn from(contract: &GenderAgeContract) -> Self {
        Self {
            detector_sha256: digest_bytes(&contract.detector),
            gender_age_sha256: digest_bytes(&contract.gender_age),
            det_size: contract.det_size,
            preprocessing_version: contract.preprocessing,
        }
    }
}

impl TryFrom<&proto::GenderAgeContract> for GenderAgeContract {
    type Error = WireError;

    fn try_from(message: &proto::GenderAgeContract) -> Result<Self, WireError> {
        Ok(Self {
            detector: digest(&message.detector_sha256, "detector_sha256")?,
            gender_age: digest(&message.gender_age_sha256, "gender_age_sha256")?,
            det_size: message.det_size,
            preprocessing: message.preprocessing_version,
        })
    }
}

impl From<&GenderAges> for proto::GenderAges {
    fn from(estimates: &GenderAges) -> Self {
        let faces = estimates.faces.iter().map(|GenderAge { female, male, age }| proto::GenderAge {
            female: *female,
            male: *male,
            age: *age,
        });
        Self { contract: Some((&estimates.contract).into()), faces: faces.collect() }
    }
}

impl TryFrom<&proto::GenderAges> for GenderAges {
    type Error = WireError;

    fn try_from(message: &proto::GenderAges) -> Result<Self, WireError> {
        let estimate = |face: &proto::GenderAge| {
            let proto::GenderAge { female, male, age } = *face;
            for (value, field) in [(female, "female"), (male, "male"), (age, "age")] {
                if !value.is_finite() {
                    return Err(WireError::Range { field, value: value.into() });
                }
            }
            Ok(GenderAge { female, male, age })
        };
        Ok(Self {
            contract: required(message.contract.as_ref(), "contract")?.try_into()?,
            faces: message.faces.iter().map(estimate).collect::<Result<_, _>>()?,
        })
    }
}
