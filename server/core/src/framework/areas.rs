//! The five domains and eighteen areas of the Alternative Provision Framework (`DOMAIN.md` F-1). Built in: they are the framework.

use crate::coded::coded;

coded! {
    /// A group of areas.
    Domain {
        /// Feelings, identity, values, regulation.
        Emotional = "emotional-self-identity",
        /// How somebody manages from day to day.
        Personal = "personal-management-independence",
        /// Being with others.
        Relationships = "relationships-communication",
        /// Learning and acting with a purpose.
        Thinking = "thinking-achievement",
        /// Life beyond oneself.
        Society = "society-citizenship",
    }
}

coded! {
    /// Something that can be looked at.
    Area {
        /// Of [`Domain::Emotional`].
        EmotionalIntelligence = "emotional-intelligence",
        /// Of [`Domain::Emotional`].
        SelfAwareness = "self-awareness",
        /// Of [`Domain::Emotional`].
        Resilience = "resilience",
        /// Of [`Domain::Emotional`].
        Adaptability = "adaptability",
        /// Of [`Domain::Emotional`].
        MoralAndEthics = "moral-and-ethics",
        /// Of [`Domain::Personal`].
        SelfManagement = "self-management",
        /// Of [`Domain::Personal`].
        PersonalHealth = "personal-health",
        /// Of [`Domain::Personal`].
        Independence = "independence",
        /// Of [`Domain::Relationships`].
        SocialSkills = "social-skills",
        /// Of [`Domain::Relationships`].
        Communication = "communication",
        /// Of [`Domain::Relationships`].
        Leadership = "leadership",
        /// Of [`Domain::Relationships`].
        Diversity = "diversity",
        /// Of [`Domain::Thinking`].
        ProblemSolving = "problem-solving",
        /// Of [`Domain::Thinking`].
        Creativity = "creativity",
        /// Of [`Domain::Thinking`].
        GoalSetting = "goal-setting",
        /// Of [`Domain::Thinking`].
        Achievement = "achievement",
        /// Of [`Domain::Society`].
        BritishValues = "british-values",
        /// Of [`Domain::Society`].
        SocialMedia = "social-media",
    }
}

impl Domain {
    /// Its name in the framework.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Emotional => "Emotional self and identity",
            Self::Personal => "Personal management and independence",
            Self::Relationships => "Relationships and communication",
            Self::Thinking => "Thinking and achievement",
            Self::Society => "Society and citizenship",
        }
    }

    /// Its areas, in order.
    pub fn areas(self) -> impl Iterator<Item = Area> {
        Area::ALL.iter().copied().filter(move |area| area.domain() == self)
    }
}

impl Area {
    /// Its name in the framework.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::EmotionalIntelligence => "Emotional intelligence",
            Self::SelfAwareness => "Self-awareness",
            Self::Resilience => "Resilience",
            Self::Adaptability => "Adaptability and flexibility",
            Self::MoralAndEthics => "Moral and ethics",
            Self::SelfManagement => "Self-management",
            Self::PersonalHealth => "Personal health",
            Self::Independence => "Independence",
            Self::SocialSkills => "Social skills",
            Self::Communication => "Communication",
            Self::Leadership => "Leadership",
            Self::Diversity => "Diversity",
            Self::ProblemSolving => "Problem solving",
            Self::Creativity => "Creativity",
            Self::GoalSetting => "Goal setting",
            Self::Achievement => "Achievement",
            Self::BritishValues => "British values",
            Self::SocialMedia => "Impact of social media",
        }
    }

    /// Which domain it is of.
    #[must_use]
    pub fn domain(self) -> Domain {
        match self {
            Self::EmotionalIntelligence
            | Self::SelfAwareness
            | Self::Resilience
            | Self::Adaptability
            | Self::MoralAndEthics => Domain::Emotional,
            Self::SelfManagement | Self::PersonalHealth | Self::Independence => Domain::Personal,
            Self::SocialSkills | Self::Communication | Self::Leadership | Self::Diversity => Domain::Relationships,
            Self::ProblemSolving | Self::Creativity | Self::GoalSetting | Self::Achievement => Domain::Thinking,
            Self::BritishValues | Self::SocialMedia => Domain::Society,
        }
    }
}
