"""Under which perspective does a definition of CRM fall, by the noun that it gives to CRM?"""

lesson = 1
level = 1
tags = ("definitions", "coding")
answers = {
    "perspective": {
        "kind": "choice",
        "choices": ("strategy", "process", "technology", "philosophy", "capability"),
    }
}

# perspective: what CRM is, what it does, what the firm has to buy or build; in English and in Persian
PARTS = {
    "strategy": (
        (
            "a long plan of the whole firm",
            "chooses which customers to serve and how to earn from them",
            "a budget for each group of customers",
        ),
        (
            "برنامه‌ی بلندمدت کل شرکت",
            "برمی‌گزیند به چه مشتریانی خدمت کند و از آن‌ها چگونه سود ببرد",
            "بودجه‌ای برای هر گروه از مشتریان",
        ),
    ),
    "process": (
        (
            "a chain of steps across departments",
            "wins customers, serves them, keeps them and ends some relationships",
            "a description of each step with its owner",
        ),
        (
            "زنجیره‌ای از گام‌ها میان واحدها",
            "مشتری را جذب می‌کند، به او خدمت می‌دهد، او را نگه می‌دارد و برخی رابطه‌ها را پایان می‌دهد",
            "شرحی از هر گام و مسئول آن",
        ),
    ),
    "technology": (
        (
            "a set of programs on one database",
            "stores each contact and shows it on every screen",
            "servers, licences and interfaces",
        ),
        (
            "مجموعه‌ای از برنامه‌ها بر یک پایگاه داده",
            "هر تماس را ذخیره می‌کند و بر هر صفحه نشان می‌دهد",
            "سرور، مجوز نرم‌افزار و رابط میان سامانه‌ها",
        ),
    ),
    "philosophy": (
        (
            "a belief about why the firm exists",
            "places the customer at the centre of every decision",
            "leaders who live by it and tell its stories",
        ),
        (
            "باوری درباره‌ی چرایی شرکت",
            "مشتری را در مرکز هر تصمیم می‌گذارد",
            "رهبرانی که با آن زندگی می‌کنند و داستان‌هایش را می‌گویند",
        ),
    ),
    "capability": (
        (
            "an ability that rivals cannot copy",
            "learns from each customer and changes the offer for that one",
            "people who are trained and allowed to decide",
        ),
        (
            "توانایی‌ای که رقیبان نمی‌توانند تقلید کنند",
            "از هر مشتری می‌آموزد و پیشنهاد را برای همان مشتری تغییر می‌دهد",
            "کارکنانی آموزش‌دیده که اجازه‌ی تصمیم دارند",
        ),
    ),
}


def draw(rng):
    noun, body, means = (str(name) for name in rng.choice(list(PARTS), 3, replace=False))
    english, persian = (tuple(PARTS[name][i][k] for k, name in enumerate((noun, body, means))) for i in (0, 1))
    return {
        "text_en": "CRM is {}. With it the firm {}. It asks first for {}.".format(*english),
        "text_fa": "CRM {} است. شرکت با آن {}. پیش از همه به این نیاز دارد: {}.".format(*persian),
        "_noun": noun,
        "_body": body,
        "_means": means,
    }


def solve(text_en, text_fa, _noun, _body, _means):
    return {"perspective": _noun}


def by_most_words(text_en, text_fa, _noun, _body, _means):
    return {"perspective": _body}


def by_means(text_en, text_fa, _noun, _body, _means):
    return {"perspective": _means}


mistakes = {"by_most_words": by_most_words, "by_means": by_means}
