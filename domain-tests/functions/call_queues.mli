val cases : scale:int -> Everywhere.case list
